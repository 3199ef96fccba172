import type { Automaton, AutomatonState, Spend } from "./automaton.ts";

/** How long a text may be, in characters; `max` may be Infinity. */
export interface Lengths {
  readonly min: number;
  readonly max: number;
}

interface Together {
  readonly states: readonly number[];
  /** Characters so far; beyond the last that matters they are not counted. */
  readonly length: number;
}

/** The automaton of texts that all of some automata take and that are of some length, without states from which there is no end. All are over the same ranges. */
export function product(automata: readonly Automaton[], lengths: Lengths, spend: Spend): Automaton {
  const counted = lengths.max === Infinity ? lengths.min : lengths.max + 1;
  const places = new Map<string, number>();
  const open: Together[] = [];
  const place = (at: Together) => {
    const key = `${at.length} ${at.states.join(" ")}`;
    const there = places.get(key);
    if (there !== undefined) return there;
    places.set(key, open.length);
    return open.push(at) - 1;
  };
  place({ states: automata.map(() => 0), length: 0 });
  const states: AutomatonState[] = [];
  for (let index = 0; index < open.length; index++) {
    const { states: at, length } = open[index] ?? { states: [], length: 0 };
    const parts = at.flatMap((state, which) => automata[which]?.states[state] ?? []);
    const ways = length >= lengths.max ? [] : waysTogether(parts);
    spend(1 + ways.length);
    const next = new Map(ways.map(([range, to]) => [range, place({ states: to, length: Math.min(length + 1, counted) })]));
    states.push({ isEnd: length >= lengths.min && parts.every(({ isEnd }) => isEnd), next });
  }
  return ending({ states });
}

/** Ways that all have, with where each leads. */
function waysTogether(parts: readonly AutomatonState[]): [range: number, to: number[]][] {
  const ranges = [...(parts[0]?.next.keys() ?? [])];
  return ranges.flatMap((range): [number, number[]][] => {
    const to = parts.flatMap(({ next }) => next.get(range) ?? []);
    return to.length === parts.length ? [[range, to]] : [];
  });
}

/** Takes away the ways that lead to no end. */
function ending({ states }: Automaton): Automaton {
  const before = new Map<number, number[]>();
  states.forEach(({ next }, from) => {
    for (const to of next.values()) {
      const known = before.get(to);
      if (known === undefined) before.set(to, [from]);
      else known.push(from);
    }
  });
  const alive = new Set(states.flatMap(({ isEnd }, index) => (isEnd ? [index] : [])));
  for (const state of alive) for (const from of before.get(state) ?? []) alive.add(from);
  return { states: states.map(({ isEnd, next }) => ({ isEnd, next: new Map([...next].filter(([, to]) => alive.has(to))) })) };
}
