import type { Stop } from "../../core/targets.ts";

/** What an order is drawn with. */
export interface Drawing {
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Counts up each time it is asked, for each list of keys by itself. */
  readonly turn: (first: Stop) => number;
}

/**
 * The order in which stops are asked: by rank, inside a rank drawn by weight, those of weight 0 last.
 * The keys of one upstream are drawn as one, with what they weigh together, and take turns, so that each is the first equally often, and its other keys come right behind.
 */
export function inOrder(stops: readonly Stop[], drawing: Drawing): readonly Stop[] {
  if (stops.length < 2) return stops;
  const groups = groupsOf(stops);
  for (const group of groups) group.ticket = ticketOf(group, drawing.random);
  return groups.toSorted((a, b) => a.rank - b.rank || a.ticket - b.ticket).flatMap(({ stops: keys }) => turned(keys, drawing));
}

interface Group {
  readonly rank: number;
  /** Of all its stops. */
  weight: number;
  readonly stops: Stop[];
  ticket: number;
}

function groupsOf(stops: readonly Stop[]): Group[] {
  const groups: Group[] = [];
  for (const stop of stops) {
    const { rank, weight } = stop;
    const group = groups.find((each) => each.rank === rank && each.stops[0]?.weight === weight && isSibling(each.stops[0], stop));
    if (group === undefined) groups.push({ rank, weight, stops: [stop], ticket: 0 });
    else {
      group.stops.push(stop);
      group.weight += weight;
    }
  }
  return groups;
}

/** Whether two stops differ in their key alone. */
export function isSibling(a: Stop | undefined, b: Stop): boolean {
  return a?.target.provider === b.target.provider && a.target.model === b.target.model;
}

/** Smaller goes first: times at which clocks of different speeds ring for the first time, of which the fastest is first most often, by just its share. */
function ticketOf({ weight }: Group, random: () => number): number {
  return weight > 0 ? -Math.log(1 - random()) / weight : Number.MAX_VALUE;
}

function turned(keys: readonly Stop[], { turn }: Drawing): readonly Stop[] {
  const [first] = keys;
  if (first === undefined || keys.length === 1) return keys;
  const start = turn(first) % keys.length;
  return start === 0 ? keys : [...keys.slice(start), ...keys.slice(0, start)];
}
