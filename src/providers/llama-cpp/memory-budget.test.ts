import { freemem } from "node:os";
import { describe, expect, it } from "vitest";
import { reasonOf, retryAfterMsOf } from "../../core/reasons.ts";
import type { EngineEstimate } from "../../engine/protocol/load.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { defaultRamBudget, MemoryBudget, type Claim, type Holder } from "./memory-budget.ts";

const never = new Promise<void>(() => {});
const device = { gpu: false, names: [], threads: 1, instructions: "" } as const;

/** One size, or several of falling numbers of sequences. */
function estimate(...ramBytes: readonly number[]): EngineEstimate {
  const sizes = ramBytes.map((bytes, place) => ({
    contextLength: 512,
    sequences: 2 ** (ramBytes.length - 1 - place),
    ramBytes: bytes,
    vramBytes: 0,
  }));
  return { sizes, mostVramBytes: 0, device };
}

function budgetOf(ramBytes: number, limits = { maxLoadedModels: 8, modelMemoryMs: 1000 }) {
  const clock = fakeClock();
  const budget = new MemoryBudget({ ramBytes, limits, clock });
  const unloaded: string[] = [];
  /** A model that is loaded, was used at a time, and gives its memory back when it is asked to. */
  const model = (name: string, usedMs = 0, isIdle = true) => {
    const state = { usedMs, isIdle, claim: undefined as Claim | undefined };
    const holder: Holder = {
      model: name,
      isIdle: () => state.isIdle,
      lastUsedMs: () => state.usedMs,
      unload: async () => {
        unloaded.push(name);
        state.isIdle = false;
        state.claim?.release();
      },
    };
    const load = async (what: EngineEstimate, ended: Promise<unknown> = never) => {
      state.claim = await budget.claim(holder, what, ended);
      return state.claim.size;
    };
    return { state, load };
  };
  return { budget, clock, unloaded, model };
}

describe("the memory of local models", () => {
  it("is shared without unloading anything while all fit", async () => {
    const { model, unloaded } = budgetOf(100);
    await model("a").load(estimate(60));
    await model("b").load(estimate(40));
    expect(unloaded).toEqual([]);
  });

  it("is taken from the least recently used idle ones, as few as make room", async () => {
    const { model, unloaded } = budgetOf(100);
    await model("newest", 30).load(estimate(30));
    await model("oldest", 10).load(estimate(30));
    await model("busy", 5, false).load(estimate(10));
    await model("newer", 20).load(estimate(30));
    await model("wants", 40).load(estimate(50));
    expect(unloaded).toEqual(["oldest", "newer"]);
  });

  it("is counted for each of those that come at once", async () => {
    const { model, unloaded } = budgetOf(100);
    const [a, b, c] = [model("a", 1), model("b", 2), model("c", 3)];
    for (const each of [a, b, c]) each.state.isIdle = false;
    const outcomes: string[] = [];
    const all = [a, b, c].map((each, index) => each.load(estimate(50)).then(() => outcomes.push(`${index}`)));
    await Promise.all(all.slice(0, 2));
    expect([outcomes, unloaded]).toEqual([["0", "1"], []]);
    a.state.claim?.release();
    await all[2];
    expect(outcomes).toEqual(["0", "1", "2"]);
  });

  it("is waited for while busy models hold it, and given as soon as one is idle", async () => {
    const { budget, clock, model, unloaded } = budgetOf(100);
    const busy = model("busy", 0, false);
    await busy.load(estimate(80));
    const loaded = model("wants").load(estimate(50));
    const small = model("small", 1, false).load(estimate(20));
    expect(await small).toBe(0);
    busy.state.isIdle = true;
    budget.look();
    expect(await loaded).toBe(0);
    expect(unloaded).toEqual(["busy"]);
    expect(clock.pending()).toBe(0);
  });

  it("is not waited for longer than the limit: the caller learns what is needed and when to try again", async () => {
    const { clock, model, unloaded } = budgetOf(100_000_000);
    await model("busy", 0, false).load(estimate(80_000_000));
    const refused = failureOf(model("wants").load(estimate(50_000_000)));
    clock.advance(1000);
    const error = await refused;
    expect([reasonOf(error), retryAfterMsOf(error)]).toEqual(["queue_timeout", 5000]);
    expect(error.rawMessage).toContain("needs 50.0 MB of memory beside 1 model that is busy (80.0 MB of 100.0 MB; at most 8 models)");
    expect(unloaded).toEqual([]);
  });

  it("is not waited for by a process that has ended", async () => {
    const { model, clock } = budgetOf(100);
    await model("busy", 0, false).load(estimate(80));
    expect(reasonOf(await failureOf(model("wants").load(estimate(50), Promise.resolve())))).toBe("engine_failed");
    expect(clock.pending()).toBe(0);
  });

  it("is refused at once to what never fits, with both numbers and what to do", async () => {
    const { model } = budgetOf(4_000_000_000);
    const error = await failureOf(model("big").load(estimate(9_000_000_000, 6_000_000_000)));
    expect(reasonOf(error)).toBe("model_too_large");
    expect(error.rawMessage).toMatch(
      /^model "big" needs 6\.0 GB of memory with 1 sequence of 512 tokens, and the budget is 4\.0 GB: .*kv_type.*LLM_MODEL_MEMORY$/,
    );
  });

  it("holds at most so many models", async () => {
    const { model, unloaded } = budgetOf(100, { maxLoadedModels: 2, modelMemoryMs: 1000 });
    await model("older", 1).load(estimate(10));
    await model("newer", 2).load(estimate(10));
    await model("wants", 3).load(estimate(10));
    expect(unloaded).toEqual(["older"]);
  });

  it("is told of the GPU by what the process has found there", async () => {
    const { model, unloaded } = budgetOf(100);
    const onGpu = (vramBytes: number, mostVramBytes: number): EngineEstimate => ({
      sizes: [{ contextLength: 512, sequences: 1, ramBytes: 1, vramBytes }],
      mostVramBytes,
      device,
    });
    await model("a").load(onGpu(60, 100));
    await model("b").load(onGpu(60, 100));
    expect(unloaded).toEqual(["a"]);
    expect((await failureOf(model("c").load(onGpu(200, 100)))).rawMessage).toContain("of GPU memory");
  });
});

describe("sizes that nobody asked for", () => {
  it("are as large as leaves half of the budget", async () => {
    expect(
      await budgetOf(100)
        .model("a")
        .load(estimate(90, 70, 50, 40, 35)),
    ).toBe(1);
    expect(
      await budgetOf(1000)
        .model("a")
        .load(estimate(90, 70, 50, 40, 35)),
    ).toBe(0);
  });

  it("shrink to four sequences before an idle model is unloaded for them, and then grow no further than they must", async () => {
    const { model, unloaded } = budgetOf(100);
    await model("idle").load(estimate(45));
    expect(await model("shrinks", 1).load(estimate(70, 60, 50, 40, 30))).toBe(2);
    expect(unloaded).toEqual([]);
    await model("unloads", 2).load(estimate(95, 85, 75, 65, 55));
    expect(unloaded).toEqual(["idle", "shrinks"]);
  });

  it("shrink to one sequence before a load waits for busy models", async () => {
    const { model } = budgetOf(100);
    await model("busy", 0, false).load(estimate(65));
    expect(await model("wants").load(estimate(70, 60, 50, 40, 35))).toBe(4);
  });
});

it("the budget is most of what is free for this process", () => {
  expect(defaultRamBudget() / Math.min(process.availableMemory(), freemem())).toBeCloseTo(0.8, 1);
});
