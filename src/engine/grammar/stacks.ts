import type { Expression, Range } from "./expression.ts";

/** A place in a rule: what stands there, and the place after it; places after the last are undefined. */
interface Place {
  readonly id: number;
  readonly ranges: readonly Range[] | undefined;
  /** First places of the rule that stands here, an alternative each. */
  readonly rule: Alternative[] | undefined;
  readonly next: Place | undefined;
}

type Alternative = Place | undefined;

/** Places to go on from, the innermost first; there is one object for the same places. */
interface Stack {
  readonly id: number;
  readonly place: Place;
  readonly below: Stack | undefined;
}

/** Ways on; undefined: the text may end. */
export type Ways = ReadonlySet<Stack | undefined>;

/** Follows a text through a grammar as llama.cpp does, way by way. */
export interface Stacks {
  /** Work so far: ways that were looked at. */
  readonly work: number;
  begin(): Ways;
  /** The ways on after a character. */
  after(ways: Ways, codePoint: number): Ways;
  /** Characters that some way takes. */
  ranges(ways: Ways): readonly Range[];
}

/** Ways through rules that are all told, from `root` on. Beyond so much work it gives up: ways are missing then. */
export function stacksOf(rules: ReadonlyMap<string, Expression>, root: string, mostWork: number): Stacks {
  const written = writtenOut(rules);
  const known = new Map<string, Stack>();
  let work = 0;
  const on = (place: Place | undefined, below: Stack | undefined): Stack | undefined => {
    if (place === undefined) return below;
    const key = `${place.id} ${below?.id ?? -1}`;
    const stack = known.get(key) ?? { id: known.size, place, below };
    known.set(key, stack);
    return stack;
  };
  /** Goes into rules until a character is due. */
  const advanced = (from: Iterable<Stack | undefined>): Ways => {
    const seen = new Set(from);
    const due = new Set<Stack | undefined>();
    for (const stack of seen) {
      if (++work > mostWork) break;
      if (stack?.place.rule === undefined) due.add(stack);
      else for (const first of stack.place.rule) seen.add(on(first, on(stack.place.next, stack.below)));
    }
    return due;
  };
  return {
    get work() {
      return work;
    },
    begin: () => advanced((written.get(root) ?? []).map((first) => on(first, undefined))),
    after: (ways, codePoint) =>
      advanced(
        [...ways].flatMap((stack) => (stack !== undefined && takes(stack.place, codePoint) ? [on(stack.place.next, stack.below)] : [])),
      ),
    ranges: (ways) => [...ways].flatMap((stack) => stack?.place.ranges ?? []),
  };
}

function takes({ ranges }: Place, codePoint: number): boolean {
  return ranges?.some(([first, last]) => codePoint >= first && codePoint <= last) ?? false;
}

/** Rules with their repetitions written out, as llama.cpp does it: m times the same, then rules of their own for what may follow. */
function writtenOut(rules: ReadonlyMap<string, Expression>): ReadonlyMap<string, Alternative[]> {
  const written = new Map([...rules.keys()].map((name) => [name, [] as Alternative[]]));
  let count = 0;
  const place = (of: Pick<Place, "ranges" | "rule">, next: Place | undefined): Place => ({ id: count++, ...of, next });
  /** The places of an expression, with `next` after it. */
  const before = (expression: Expression, next: Place | undefined): Place | undefined => {
    switch (expression.kind) {
      case "text":
        return Array.from(expression.text).reduceRight<Place | undefined>((after, character) => {
          const codePoint = character.codePointAt(0) ?? 0;
          return place({ ranges: [[codePoint, codePoint]], rule: undefined }, after);
        }, next);
      case "set":
        return place({ ranges: expression.ranges, rule: undefined }, next);
      case "rule":
        return place({ ranges: undefined, rule: written.get(expression.name) ?? [] }, next);
      case "sequence":
        return expression.items.reduceRight<Place | undefined>((after, item) => before(item, after), next);
      case "choice":
        return place({ ranges: undefined, rule: expression.items.map((item) => before(item, undefined)) }, next);
      default:
        return repeated(expression, next);
    }
  };
  const repeated = ({ item, min, max }: Extract<Expression, { kind: "repeat" }>, next: Place | undefined): Place | undefined => {
    const one = item.kind === "choice" || item.kind === "sequence" || item.kind === "repeat" ? [before(item, undefined)] : undefined;
    const single = (after: Place | undefined) => (one === undefined ? before(item, after) : place({ ranges: undefined, rule: one }, after));
    let tail = next;
    if (max === Infinity) {
      const again: Alternative[] = [];
      again.push(single(place({ ranges: undefined, rule: again }, undefined)), undefined);
      tail = place({ ranges: undefined, rule: again }, next);
    } else if (max > min) {
      let fewer: Place | undefined;
      for (let times = min; times < max; times++) fewer = place({ ranges: undefined, rule: [single(fewer), undefined] }, undefined);
      tail = place({ ranges: undefined, rule: fewer?.rule }, next);
    }
    for (let times = 0; times < min; times++) tail = single(tail);
    return tail;
  };
  for (const [name, expression] of rules) {
    const rows = expression.kind === "choice" ? expression.items : [expression];
    written.get(name)?.push(...rows.map((row) => before(row, undefined)));
  }
  return written;
}
