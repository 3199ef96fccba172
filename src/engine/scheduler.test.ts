import type { LlamaContextSequence } from "node-llama-cpp";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { outbox } from "./outbox.ts";
import type { FromEngine } from "./protocol/messages.ts";
import type { EngineRequest } from "./protocol/request.ts";
import { scriptedModel, scriptedSequence, steppedSequence, turns } from "../testing/scripted-sequences.ts";
import { Scheduler } from "./scheduler.ts";

/** Everything that became of the requests, and a way to wait for it. */
function listening(): {
  readonly send: (message: FromEngine) => void;
  readonly told: string[];
  /** How many texts each message brought that brought any. */
  readonly texts: number[];
  readonly until: (what: string, times?: number) => Promise<void>;
} {
  const told: string[] = [];
  const texts: number[] = [];
  const looks = new Set<() => void>();
  return {
    told,
    texts,
    send(message) {
      if (message.type === "reading" && message.ids.length > 0) told.push(`reading ${message.ids.join()}`);
      if (message.type === "trouble") told.push(message.what);
      if (message.type === "tick") told.push(...message.events.map(([id, { type }]) => `${id} ${type}`));
      const count = message.type === "tick" ? message.events.filter(([, { type }]) => type === "text").length : 0;
      if (count > 0) texts.push(count);
      for (const look of looks) look();
    },
    until: (what, times = 1) =>
      new Promise((resolve) => {
        const look = () => void (told.filter((line) => line.includes(what)).length >= times && looks.delete(look) && resolve());
        looks.add(look);
        look();
      }),
  };
}

const sampling = {
  temperature: 0,
  topK: 1,
  topP: 1,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repeatPenalty: 1,
  repeatLastTokens: 0,
  logitBias: [],
};
const request = (more: Partial<EngineRequest> = {}): EngineRequest => ({
  prompt: { type: "tokens", tokens: [1, 2, 3] },
  sampling,
  seeds: [1],
  stop: [],
  format: { type: "text" },
  minTokens: 0,
  ignoreEos: false,
  tenant: "anonymous",
  echo: false,
  priority: "interactive",
  includeProgress: false,
  ...more,
});

let scheduler: Scheduler;
afterEach(() => scheduler.close().catch(() => {}));

function start(
  sequences: readonly LlamaContextSequence[],
  model = scriptedModel(sequences),
  { tokenWaitMs = 0 } = {},
): ReturnType<typeof listening> {
  const heard = listening();
  const limits = {
    queueLength: 10,
    queueMs: 60_000,
    batchTokens: 512,
    prefillChunkTokens: 64,
    interTokenMs: 100,
    tokenWaitMs,
    gpu: false,
  } as const;
  scheduler = new Scheduler({ ...model, sequences }, outbox(heard.send), limits);
  return heard;
}

/** Decodes as soon as it may. */
function decoding(tokenWaitMs: number): ReturnType<typeof listening> {
  const made = scriptedModel([]);
  return start([steppedSequence(made, { begin: Promise.resolve(), go: Promise.resolve() })], made, { tokenWaitMs });
}

/** One stream whose first token is told, and whose others wait. */
async function holding(): Promise<ReturnType<typeof listening>> {
  const heard = decoding(60_000);
  scheduler.submit(1, request({ maxTokens: 1000 }));
  await heard.until("1 text");
  await turns(20);
  return heard;
}

describe("the loop that runs all requests of a model", () => {
  it("goes on for the others when a request cannot begin", async () => {
    const { told, until } = start([scriptedSequence(), scriptedSequence()]);
    scheduler.submit(1, request({ maxTokens: 1000 }));
    await until("1 text");
    // What no provider of ours sends: the reader of its answer cannot be made.
    scheduler.submit(2, request({ stop: null as unknown as string[] }));
    scheduler.submit(3, request({ maxTokens: 1 }));
    await until("2 failed");
    await until("3 completed");
    const from = told.length;
    scheduler.cancel(1);
    scheduler.submit(4, request({ maxTokens: 1 }));
    await until("4 completed");
    expect(told.slice(from)).not.toContain("1 failed");
  });

  it("tells what a tick brought when the decode of the next has begun, in a turn of its own, and not before", async () => {
    const made = scriptedModel([]);
    const [begin, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { told, until } = start([steppedSequence(made, { begin: begin.promise, go: go.promise })], made);
    scheduler.submit(1, request({ maxTokens: 2 }));
    await turns(10);
    expect(told).not.toContain("1 text");
    begin.resolve();
    await Promise.resolve();
    expect(told).not.toContain("1 text");
    await until("1 text");
    expect(told).not.toContain("1 completed");
    go.resolve();
    await until("1 completed");
  });

  it("tells the first token at once, and others together where they may wait", async () => {
    const textsWith = async (tokenWaitMs: number) => {
      const { texts, until } = decoding(tokenWaitMs);
      scheduler.submit(1, request({ maxTokens: 6 }));
      await until("1 completed");
      await scheduler.close();
      return texts;
    };
    expect(await textsWith(0)).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await textsWith(60_000)).toEqual([1, 5]);
  });

  it("tells what it has when the only one that generates is paused", async () => {
    const { texts, until } = await holding();
    scheduler.pause(1, true);
    await until("1 text", 2);
    expect(texts).toHaveLength(2);
  });

  it("tells what it has when it ends", async () => {
    const { texts } = await holding();
    expect(texts).toEqual([1]);
    await scheduler.close();
    expect(texts).toEqual([1, expect.toSatisfy((count: number) => count > 1)]);
  });

  it("tells it at the end of a tick that makes no decode", async () => {
    const { until, told } = start([scriptedSequence()]);
    scheduler.submit(1, request({ maxTokens: 100 }));
    await until("1 text", 5);
    expect(told).not.toContain("1 completed");
  });

  it("tells at once of calls that have ended, whatever the next decode does", async () => {
    const made = scriptedModel([]);
    const begin = Promise.withResolvers<void>();
    const { until } = start(
      [scriptedSequence({ turnsEach: 5 }), steppedSequence(made, { begin: begin.promise, go: Promise.resolve() })],
      made,
    );
    scheduler.submit(1, request({ maxTokens: 1 }));
    scheduler.submit(2, request({ maxTokens: 3 }));
    await until("1 completed");
    begin.resolve();
    await until("2 completed");
  });

  it("begins with those who come together after a rest together", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const slow = () => scriptedSequence({ read: (tokens) => void vi.advanceTimersByTime(tokens * 2) });
    const { until, told } = start([slow(), slow(), slow()]);
    const long = { prompt: { type: "tokens", tokens: Array.from({ length: 64 }, (_, at) => at + 1) }, maxTokens: 1 } as const;
    scheduler.submit(1, request(long));
    await until("1 completed");
    await turns(5);
    scheduler.submit(2, request({ ...long, tenant: "another" }));
    const pass = async (ms: number) => {
      await turns(5);
      vi.advanceTimersByTime(ms);
      await turns(5);
    };
    await pass(1);
    scheduler.submit(3, request({ ...long, tenant: "a third" }));
    await pass(1);
    // The first pause is over, and somebody has come in it.
    expect(told).not.toContain("reading 2,3");
    await pass(2);
    await until("3 completed");
    expect(told.filter((line) => line.startsWith("reading"))).toEqual(["reading 1", "reading 2,3"]);
  });

  it("uses a sequence that cannot be cleared no more, says so, and serves all with those that are left", async () => {
    const broken = scriptedSequence({ cut: () => Promise.reject(new Error("the cache is stuck")) });
    const { told, until } = start([broken, scriptedSequence()]);
    scheduler.submit(1, request({ maxTokens: 1 }));
    await until("1 completed");
    for (const id of [2, 3]) scheduler.submit(id, request({ maxTokens: 2 }));
    await until("2 completed");
    await until("3 completed");
    expect(told.filter((line) => line.includes("stuck"))).toHaveLength(1);
    // One after the other: one sequence is left.
    expect(told.indexOf("2 text")).toBeGreaterThan(told.indexOf("3 completed"));
  });

  it("ends when no sequence is left", async () => {
    const { until } = start([scriptedSequence({ cut: () => Promise.reject(new Error("the cache is stuck")) })]);
    scheduler.submit(1, request({ maxTokens: 1 }));
    await until("1 completed");
    scheduler.submit(2, request({ maxTokens: 1 }));
    await expect(scheduler.ended).rejects.toThrow("no sequence is left");
  });

  it("sees a cancellation that comes while it clears a sequence", async () => {
    const clearing = Promise.withResolvers<void>();
    const isClearing = Promise.withResolvers<void>();
    const slow = scriptedSequence({
      cut: () => {
        isClearing.resolve();
        return clearing.promise;
      },
    });
    const { told, until } = start([slow]);
    scheduler.submit(1, request({ maxTokens: 1 }));
    await until("1 completed");
    scheduler.submit(2, request());
    await isClearing.promise;
    scheduler.cancel(2);
    scheduler.submit(3, request({ maxTokens: 1 }));
    clearing.resolve();
    await until("3 completed");
    expect(told.filter((line) => line.startsWith("2"))).toEqual(["2 admitted"]);
  });
});
