import type { Expression, Range } from "./expression.ts";
import { everything } from "./ranges.ts";

/** A deterministic automaton over ranges of characters that do not overlap. State 0 is the first. */
export interface Automaton {
  readonly states: readonly AutomatonState[];
}

/** A state: where each character leads, and whether a text may end. */
export interface AutomatonState {
  readonly isEnd: boolean;
  /** Next state by place in the list of ranges; absent: there is no way on. */
  readonly next: ReadonlyMap<number, number>;
}

/** A nondeterministic automaton in the making. */
interface Draft {
  readonly free: number[][];
  readonly moves: { readonly ranges: readonly Range[]; readonly to: number }[][];
}

/** An automaton before it is made deterministic. */
export interface Sketch {
  readonly draft: Draft;
  readonly first: number;
  readonly last: number;
}

/** Called with the work that is done. */
export type Spend = (work: number) => void;

/** Any text. */
export const anyText: Expression = { kind: "repeat", item: { kind: "set", ranges: everything }, min: 0, max: Infinity };

/** A sketch of an expression without rules. */
export function sketched(expression: Expression, spend: Spend): Sketch {
  const draft: Draft = { free: [], moves: [] };
  const first = newState(draft, spend);
  const last = draw(expression, { draft, spend }, first);
  return { draft, first, last };
}

interface Drawing {
  readonly draft: Draft;
  readonly spend: Spend;
}

function newState({ free, moves }: Draft, spend: Spend): number {
  spend(1);
  free.push([]);
  return moves.push([]) - 1;
}

/** Draws an expression from a state on, and gives the state at its end. */
function draw(expression: Expression, { draft, spend }: Drawing, from: number): number {
  switch (expression.kind) {
    case "set": {
      const to = newState(draft, spend);
      draft.moves[from]?.push({ ranges: expression.ranges, to });
      return to;
    }
    case "sequence":
      return expression.items.reduce((at, item) => draw(item, { draft, spend }, at), from);
    case "choice": {
      const to = newState(draft, spend);
      for (const item of expression.items) {
        const begin = newState(draft, spend);
        draft.free[from]?.push(begin);
        draft.free[draw(item, { draft, spend }, begin)]?.push(to);
      }
      return to;
    }
    case "repeat":
      return drawRepeated(expression, { draft, spend }, from);
    default:
      throw new TypeError(`an automaton has no ${expression.kind}`);
  }
}

function drawRepeated({ item, min, max }: Extract<Expression, { kind: "repeat" }>, drawing: Drawing, from: number): number {
  const { draft, spend } = drawing;
  let at = from;
  for (let time = 0; time < min; time++) {
    spend(1);
    at = draw(item, drawing, at);
  }
  const to = newState(draft, spend);
  if (max === Infinity) {
    const begin = newState(draft, spend);
    draft.free[at]?.push(begin);
    draft.free[begin]?.push(to);
    draft.free[draw(item, drawing, begin)]?.push(begin);
    return to;
  }
  draft.free[at]?.push(to);
  for (let time = min; time < max; time++) {
    spend(1);
    at = draw(item, drawing, at);
    draft.free[at]?.push(to);
  }
  return to;
}

/** Ranges so small that no range of any sketch cuts one of them. */
export function atoms(sketches: readonly Sketch[]): Range[] {
  const borders = new Set<number>();
  for (const { draft } of sketches)
    for (const { ranges } of draft.moves.flat())
      for (const [first, last] of ranges) {
        borders.add(first);
        borders.add(last + 1);
      }
  const sorted = [...borders].toSorted((one, other) => one - other);
  return sorted.slice(0, -1).map((first, index): Range => [first, (sorted[index + 1] ?? first + 1) - 1]);
}

/** The deterministic automaton of a sketch. */
export function determined({ draft, first, last }: Sketch, ranges: readonly Range[], spend: Spend): Automaton {
  const places = new Map<string, number>();
  const open: (readonly number[])[] = [];
  const place = (states: readonly number[]) => {
    const key = states.join(" ");
    const there = places.get(key);
    if (there !== undefined) return there;
    places.set(key, open.length);
    return open.push(states) - 1;
  };
  place(closure(draft, [first], spend));
  const states: AutomatonState[] = [];
  for (let at = 0; at < open.length; at++) {
    const among = open[at] ?? [];
    const targets = new Map<number, number[]>();
    for (const { ranges: on, to } of among.flatMap((state) => draft.moves[state] ?? [])) {
      spend(ranges.length);
      ranges.forEach(([from], index) => {
        if (on.some(([low, high]) => from >= low && from <= high)) targets.set(index, [...(targets.get(index) ?? []), to]);
      });
    }
    const next = new Map([...targets].map(([index, to]) => [index, place(closure(draft, to, spend))]));
    states.push({ isEnd: among.includes(last), next });
  }
  return { states };
}

function closure({ free }: Draft, from: readonly number[], spend: Spend): number[] {
  const reached = new Set(from);
  for (const state of reached) {
    spend(1);
    for (const to of free[state] ?? []) reached.add(to);
  }
  return [...reached].toSorted((one, other) => one - other);
}
