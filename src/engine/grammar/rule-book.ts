import { choice, isNever, isNothing, never, printed, rebuilt, repeat, rule, sequence, type Expression } from "./expression.ts";
import { references, rulesThat } from "./fixpoint.ts";

/** Collects the rules of a grammar. */
export interface RuleBook {
  /** Rules so far. */
  readonly size: number;
  /** A name for a rule that is told later by `tell`. */
  name(): string;
  tell(name: string, expression: Expression): void;
  /** A rule of its own for an expression; the same one for the same expression. What is short enough stays as it is. */
  shared(expression: Expression): Expression;
  /** The same, so many times, in a form that the engine takes for any number. */
  times(item: Expression, min: number, max: number): Expression;
  /** The rules that are reached from a root, without what cannot end; undefined when the root itself cannot be written. */
  finish(root: string): ReadonlyMap<string, Expression> | undefined;
}

/** Repetitions beyond this are counted in blocks: llama.cpp takes more than 2000 for unbounded. */
const block = 1000;
/** No text is longer than this, nor any list: what is allowed beyond it is cut, which stays valid. */
export const mostTimes = 1_000_000;

/** A book whose names begin with a prefix of letters, digits and `-`. */
export function ruleBook(prefix: string): RuleBook {
  const told = new Map<string, Expression>();
  const known = new Map<string, string>();
  let count = 0;
  const name = () => `${prefix}${count++}`;
  const named = (expression: Expression): Expression => {
    const key = printed(expression);
    const there = known.get(key);
    if (there !== undefined) return rule(there);
    const made = name();
    known.set(key, made);
    told.set(made, expression);
    return rule(made);
  };
  const shared = (expression: Expression) => (isSmall(expression) ? expression : named(expression));
  return {
    get size() {
      return count;
    },
    name,
    tell: (to, expression) => void told.set(to, expression),
    shared,
    times(item, min, max) {
      if (isNever(item) || isNothing(item)) return repeat(item, min, max);
      return counted(shared(item), { min, max: max > mostTimes && max !== Infinity ? mostTimes : max }, named);
    },
    finish: (root) => finished(told, root),
  };
}

function isSmall(expression: Expression): boolean {
  if (expression.kind === "set") return expression.ranges.length <= 2;
  return expression.kind === "rule" || isNever(expression) || isNothing(expression);
}

interface Times {
  readonly min: number;
  readonly max: number;
}

/** Repetition in blocks of a thousand: at any place at most two ways on are open, whatever the number. */
function counted(item: Expression, { min, max }: Times, named: (expression: Expression) => Expression): Expression {
  if (max < min) return never;
  if (max <= block || (max === Infinity && min <= block)) return repeat(item, min, max);
  const blocks = Math.floor(min / block);
  const exactly = blocks === 0 ? [] : [repeat(named(repeat(item, block, block)), blocks, blocks)];
  const rest = repeat(item, min % block, min % block);
  return sequence(...exactly, rest, max === Infinity ? repeat(item, 0, Infinity) : upTo(item, max - min, named));
}

function upTo(item: Expression, max: number, named: (expression: Expression) => Expression): Expression {
  if (max <= block) return repeat(item, 0, max);
  const whole = named(repeat(item, block, block));
  const fewer = named(repeat(item, 0, block - 1));
  let more = repeat(item, 0, max % block);
  for (let left = Math.floor(max / block); left > 0; left--) more = named(choice(sequence(whole, more), fewer));
  return more;
}

function finished(told: ReadonlyMap<string, Expression>, root: string): ReadonlyMap<string, Expression> | undefined {
  const ending = rulesThat(told, canEnd);
  if (!ending.has(root)) return undefined;
  const clean = (expression: Expression): Expression => {
    if (expression.kind === "rule") return ending.has(expression.name) ? expression : never;
    return rebuilt(expression, clean);
  };
  const rules = new Map<string, Expression>();
  const open = [root];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const expression = rules.has(next) ? undefined : told.get(next);
    if (expression === undefined) continue;
    const cleaned = clean(expression);
    rules.set(next, cleaned);
    open.push(...references(cleaned));
  }
  return rules;
}

/** Whether a finite text can be written, when these rules can write one. */
function canEnd(expression: Expression, ending: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case "rule":
      return ending.has(expression.name);
    case "sequence":
      return expression.items.every((item) => canEnd(item, ending));
    case "choice":
      return expression.items.some((item) => canEnd(item, ending));
    case "repeat":
      return expression.min === 0 || canEnd(expression.item, ending);
    default:
      return true;
  }
}
