import { describe, expect, it } from "vitest";
import { fault, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { Rounds } from "./rounds.ts";

const never = new AbortController().signal;

/** Rounds of workers that are numbers; every piece waits until it is let go, and is noted when it begins. */
function setUp({ most = 1, queueLength = 10, make = async (place: number) => place } = {}) {
  let made = 0;
  const rounds = new Rounds<number>({ most, queueLength, make: () => make(made++) });
  const begun: string[] = [];
  const open = new Map<string, () => void>();
  const work = async (worker: number, piece: string) => {
    begun.push(piece);
    await new Promise<void>((resolve) => open.set(piece, resolve));
    return `${piece} by ${worker}`;
  };
  const run = (pieces: readonly string[], signal = never, isGoingOn = false) => rounds.run({ pieces, work, isGoingOn }, signal);
  /** Lets a piece go, and everything that follows from it happen. */
  const letGo = async (piece: string) => {
    open.get(piece)?.();
    await turn();
  };
  return { rounds, begun, run, letGo };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("rounds", () => {
  it("take the pieces of all callers in turn, and answer in the order of the pieces", async () => {
    const { begun, run, letGo } = setUp();
    const many = run(["a1", "a2", "a3"]);
    await turn();
    const few = run(["b1"]);
    await turn();
    for (const piece of ["a1", "a2", "b1", "a3"]) await letGo(piece);
    expect(begun).toEqual(["a1", "a2", "b1", "a3"]);
    expect([await many, await few]).toEqual([["a1 by 0", "a2 by 0", "a3 by 0"], ["b1 by 0"]]);
  });

  it("make another worker when there is more work than workers, up to the most", async () => {
    const { rounds, begun, run } = setUp({ most: 2 });
    void run(["a", "b", "c"]);
    await turn();
    expect([begun, rounds.workers.length]).toEqual([["a", "b"], 2]);
  });

  it("do without a worker that cannot be made, as long as there is another", async () => {
    const make = async (place: number) => {
      if (place > 0) throw fault("engine_failed", "no memory");
      return place;
    };
    const { run, letGo } = setUp({ most: 3, make });
    const done = run(["a", "b"]);
    await turn();
    for (const piece of ["a", "b"]) await letGo(piece);
    expect(await done).toEqual(["a by 0", "b by 0"]);
    const { run: runNone } = setUp({ make: () => Promise.reject(fault("engine_failed", "no memory")) });
    expect(reasonOf(await failureOf(runNone(["a"])))).toBe("engine_failed");
  });

  it("begin nothing more for a caller who has left", async () => {
    const { begun, run, letGo } = setUp();
    const leaving = new AbortController();
    const left = run(["a1", "a2"], leaving.signal);
    await turn();
    const stays = run(["b1"]);
    leaving.abort();
    expect(reasonOf(await failureOf(left))).toBe("caller_gone");
    for (const piece of ["a1", "b1"]) await letGo(piece);
    expect(await stays).toEqual(["b1 by 0"]);
    expect(begun).toEqual(["a1", "b1"]);
  });

  it("refuse callers beyond the queue, but not one who goes on", async () => {
    const { run, letGo } = setUp({ queueLength: 1 });
    const first = run(["a"]);
    const second = run(["b"]);
    expect(reasonOf(await failureOf(run(["c"])))).toBe("queue_full");
    const goesOn = run(["d"], never, true);
    await turn();
    for (const piece of ["a", "b", "d"]) await letGo(piece);
    expect([await first, await second, await goesOn]).toEqual([["a by 0"], ["b by 0"], ["d by 0"]]);
  });

  it("fail a caller alone whose piece fails", async () => {
    const { rounds, run, letGo } = setUp();
    const broken = rounds.run({ pieces: ["x"], work: () => Promise.reject(fault("engine_failed", "no")), isGoingOn: false }, never);
    expect(reasonOf(await failureOf(broken))).toBe("engine_failed");
    const next = run(["a"]);
    await turn();
    await letGo("a");
    expect(await next).toEqual(["a by 0"]);
  });
});
