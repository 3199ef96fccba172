import type { Expression } from "./expression.ts";
import { isTooAmbiguous, mostWays } from "./ambiguity.ts";
import { rulesThat } from "./fixpoint.ts";

/** Most rules of a grammar. */
const mostRules = 8192;
/** What a grammar may come to when its repetitions are written out: llama.cpp writes them out. */
const mostElements = 200_000;
/** Steps of llama.cpp's search for rules that begin with themselves; it walks the same ways again and again. */
const mostSteps = 2_000_000;

/** Why llama.cpp could not work with rules that are all told; undefined: it can. */
export function grammarFault(rules: ReadonlyMap<string, Expression>, root: string): string | undefined {
  if (rules.size > mostRules) return `has more than ${mostRules} rules`;
  const elements = [...rules.values()].reduce((sum, expression) => sum + sizeOf(expression), 0);
  if (elements > mostElements) return `comes to more than ${mostElements} elements when its repetitions are written out`;
  const { isEmptyRepeated, hasLeftRecursion, ways, steps } = grammarFacts(rules);
  if (hasLeftRecursion) return "has a rule that begins with itself";
  if (isEmptyRepeated) return "repeats something that may be empty";
  if (ways > mostWays) return `leaves more than ${mostWays} ways open at one place`;
  if (steps > mostSteps) return "has rules that begin with one another in too many ways";
  return isTooAmbiguous(rules, root) ? "is too ambiguous: some texts can be read in too many ways" : undefined;
}

/** What decides whether a grammar can be worked with. */
interface GrammarFacts {
  /** Whether something that may be empty is repeated. */
  readonly isEmptyRepeated: boolean;
  /** Whether a rule can come to itself before a character is written. */
  readonly hasLeftRecursion: boolean;
  /** Most ways into a rule. */
  readonly ways: number;
  /** Steps of a walk from every rule over all that it may begin with, each way anew. */
  readonly steps: number;
}

/** Looks a grammar through, of which every rule is told. */
function grammarFacts(rules: ReadonlyMap<string, Expression>): GrammarFacts {
  const empty = rulesThat(rules, isEmpty);
  const first = new Map([...rules].map(([name, expression]) => [name, firstRules(expression, empty)]));
  const order = fromBottom(first);
  if (order === undefined) return { isEmptyRepeated: false, hasLeftRecursion: true, ways: 0, steps: 0 };
  const ways = new Map<string, number>();
  const steps = new Map<string, number>();
  for (const name of order) {
    const expression = rules.get(name) ?? { kind: "sequence", items: [] };
    ways.set(name, waysOf(expression, { empty, ways }));
    const below = [...(first.get(name) ?? [])].reduce((sum, [next, count]) => sum + count * (steps.get(next) ?? 0), 0);
    steps.set(name, lengthOf(expression) + below);
  }
  return {
    isEmptyRepeated: [...rules.values()].some((expression) => repeatsEmpty(expression, empty)),
    hasLeftRecursion: false,
    ways: Math.max(0, ...ways.values()),
    steps: [...steps.values()].reduce((sum, each) => sum + each, 0),
  };
}

function isEmpty(expression: Expression, empty: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case "rule":
      return empty.has(expression.name);
    case "sequence":
      return expression.items.every((item) => isEmpty(item, empty));
    case "choice":
      return expression.items.some((item) => isEmpty(item, empty));
    case "repeat":
      return expression.min === 0 || isEmpty(expression.item, empty);
    default:
      return false;
  }
}

/** Rules that an expression may begin with, and in how many places. */
function firstRules(expression: Expression, empty: ReadonlySet<string>): ReadonlyMap<string, number> {
  switch (expression.kind) {
    case "rule":
      return new Map([[expression.name, 1]]);
    case "choice":
      return added(expression.items.map((item) => firstRules(item, empty)));
    case "repeat":
      // With several in a row only the first is a beginning: what may be empty is not repeated.
      return firstRules(expression.item, empty);
    case "sequence":
      return added(beginnings(expression.items, empty).map((item) => firstRules(item, empty)));
    default:
      return new Map();
  }
}

function added(counts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const [name, count] of counts.flatMap((each) => [...each])) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}

/** Items that a row may begin with: up to the first that is not empty. */
function beginnings(items: readonly Expression[], empty: ReadonlySet<string>): readonly Expression[] {
  const filled = items.findIndex((item) => !isEmpty(item, empty));
  return filled < 0 ? items : items.slice(0, filled + 1);
}

/** Rules after all that they begin with; undefined when one begins with itself. */
function fromBottom(first: ReadonlyMap<string, ReadonlyMap<string, number>>): readonly string[] | undefined {
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  for (const start of first.keys()) {
    const path: { readonly name: string; readonly left: string[] }[] = [];
    const enter = (name: string) => {
      state.set(name, "open");
      path.push({ name, left: [...(first.get(name)?.keys() ?? [])] });
    };
    if (!state.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.left.pop();
      if (next === undefined) {
        state.set(top.name, "done");
        order.push(top.name);
        path.pop();
      } else if (state.get(next) === "open") return undefined;
      else if (!state.has(next)) enter(next);
    }
  }
  return order;
}

interface Known {
  readonly empty: ReadonlySet<string>;
  readonly ways: ReadonlyMap<string, number>;
}

function waysOf(expression: Expression, known: Known): number {
  switch (expression.kind) {
    case "rule":
      return known.ways.get(expression.name) ?? 1;
    case "choice":
      return expression.items.reduce((sum, item) => sum + waysOf(item, known), 0);
    case "repeat":
      return waysOf(expression.item, known) + 1;
    case "sequence":
      return beginnings(expression.items, known.empty).reduce((sum, item) => sum + waysOf(item, known), 0);
    default:
      return 1;
  }
}

function lengthOf(expression: Expression): number {
  if (expression.kind === "sequence" || expression.kind === "choice")
    return expression.items.reduce((sum, item) => sum + lengthOf(item), 1);
  if (expression.kind === "repeat") return 4 + lengthOf(expression.item) * Math.max(1, expression.min);
  return expression.kind === "text" ? expression.text.length : 1;
}

function repeatsEmpty(expression: Expression, empty: ReadonlySet<string>): boolean {
  if (expression.kind === "repeat") return (expression.max > 1 && isEmpty(expression.item, empty)) || repeatsEmpty(expression.item, empty);
  return (expression.kind === "sequence" || expression.kind === "choice") && expression.items.some((item) => repeatsEmpty(item, empty));
}

/** Elements of an expression with its repetitions written out. */
function sizeOf(expression: Expression): number {
  switch (expression.kind) {
    case "text":
      return expression.text.length;
    case "set":
      return 2 * expression.ranges.length;
    case "sequence":
    case "choice":
      return expression.items.reduce((sum, item) => sum + sizeOf(item) + 1, 1);
    case "repeat": {
      const times = expression.max === Infinity ? expression.min + 1 : expression.max;
      const isWhole = expression.item.kind === "text" || expression.item.kind === "set";
      return isWhole ? sizeOf(expression.item) * (times + 1) : sizeOf(expression.item) + 4 * times;
    }
    default:
      return 1;
  }
}
