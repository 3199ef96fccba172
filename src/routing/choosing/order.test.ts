import { describe, expect, it } from "vitest";
import { plainStop } from "../../core/stops.ts";
import type { Stop } from "../../core/targets.ts";
import { plainTarget } from "../../testing/plain-target.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { inOrder } from "./order.ts";

const stop = (provider: string, { key = 0, ...given }: { readonly key?: number; readonly rank?: number; readonly weight?: number } = {}) =>
  plainStop(plainTarget({ provider, model: "m", key }), given);
const nameOf = ({ target: { provider, key } }: Stop) => (key === 0 ? provider : `${provider}${key}`);

/** The orders of many calls, as names. */
function orders(stops: readonly Stop[], count: number): string[][] {
  const random = seededRandom(7);
  const turns = new Map<Stop, number>();
  const turn = (first: Stop) => {
    const now = turns.get(first) ?? 0;
    turns.set(first, now + 1);
    return now;
  };
  return Array.from({ length: count }, () => inOrder(stops, { random, turn }).map(nameOf));
}

const shareOf = (all: readonly string[][], place: number, name: string) => all.filter((order) => order[place] === name).length / all.length;

describe("the order of stops", () => {
  it("is by rank", () => {
    const stops = [stop("a", { rank: 0 }), stop("b", { rank: 1, weight: 100 }), stop("c", { rank: 2 })];
    expect(new Set(orders(stops, 50).map((order) => order.join("")))).toEqual(new Set(["abc"]));
  });

  it("is drawn by weight inside a rank, for the first and for the next", () => {
    const all = orders([stop("a", { weight: 6 }), stop("b", { weight: 3 }), stop("c", { weight: 1 })], 20_000);
    expect(shareOf(all, 0, "a")).toBeCloseTo(0.6, 1.5);
    expect(shareOf(all, 0, "c")).toBeCloseTo(0.1, 1.5);
    const afterA = all.filter(([first]) => first === "a");
    expect(shareOf(afterA, 1, "b")).toBeCloseTo(0.75, 1.5);
  });

  it("has weight 0 last in its rank", () => {
    const all = orders([stop("a", { weight: 0 }), stop("b", { weight: 1 }), stop("c", { rank: 1 })], 200);
    expect(new Set(all.map((order) => order.join("")))).toEqual(new Set(["bac"]));
  });

  it("spreads the keys of one upstream evenly, which weighs no more for having several", () => {
    const keys = [1, 2, 3, 4].map((key) => stop("a", { key, weight: 1 / 4 }));
    const all = orders([...keys, stop("b", { weight: 1 })], 4000);
    expect(shareOf(all, 0, "b")).toBeCloseTo(0.5, 1.3);
    const first = all.flatMap(([name]) => (name?.startsWith("a") === true ? [name] : []));
    for (const name of ["a1", "a2", "a3", "a4"]) {
      const share = first.filter((each) => each === name).length / first.length;
      expect(share).toBeCloseTo(0.25, 1.3);
    }
    for (const order of all) expect(order.indexOf("b") === 0 || order.indexOf("b") === 4).toBe(true);
  });

  it("gives keys together the weight that their target has", () => {
    const keys = [1, 2, 3].map((key) => stop("a", { key, weight: 3 / 3 }));
    expect(shareOf(orders([...keys, stop("b", { weight: 1 })], 4000), 0, "b")).toBeCloseTo(0.25, 1.3);
  });

  it("lets keys that were given different weights be drawn by them", () => {
    const all = orders([stop("a", { key: 1, weight: 3 }), stop("a", { key: 2, weight: 1 })], 4000);
    expect(shareOf(all, 0, "a1")).toBeCloseTo(0.75, 1.3);
  });
});
