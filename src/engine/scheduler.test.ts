import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { afterEach, describe, expect, it } from "vitest";
import { batches } from "./scheduling/batch.ts";
import type { LoadedModel } from "./model.ts";
import { outbox } from "./outbox.ts";
import type { FromEngine } from "./protocol/messages.ts";
import type { EngineRequest } from "./protocol/request.ts";
import { Scheduler } from "./scheduler.ts";
import { chatStyle } from "./output/styles.ts";
import { specialTexts } from "./prompt/special-texts.ts";

/** A sequence of the native library that draws the token 65 for ever. `cut` comes before it forgets anything. */
function sequence({ cut = async () => {} }: { readonly cut?: () => Promise<void> } = {}): LlamaContextSequence {
  let held: Token[] = [];
  const made = {
    get nextTokenIndex() {
      return held.length;
    },
    get contextTokens() {
      return [...held];
    },
    async *evaluate(tokens: readonly Token[]) {
      for (let next = tokens; ; next = [65 as Token]) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        held.push(...next);
        yield 65 as Token;
      }
    },
    async evaluateWithoutGeneratingNewTokens(tokens: readonly Token[]) {
      held.push(...tokens);
    },
    async adaptStateToTokens(tokens: readonly Token[]) {
      await cut();
      held = held.slice(0, tokens.length);
    },
    async clearHistory() {
      await cut();
      held = [];
    },
  };
  return made as unknown as LlamaContextSequence;
}

/** A model that reads its prompts from their token ids. */
function loaded(sequences: readonly LlamaContextSequence[]): LoadedModel {
  const model = {
    isEogToken: () => false,
    detokenize: (tokens: readonly Token[]) => String.fromCharCode(...tokens),
  };
  return {
    model: model as unknown as LlamaModel,
    sequences,
    batches: batches(),
    makePrompt: (prompt) => ({
      tokens: (prompt.type === "tokens" ? prompt.tokens : []) as Token[],
      endTokens: new Set(),
      endTexts: [],
      text: "",
      style: chatStyle(undefined),
      isThinking: false,
    }),
    templateProblem: undefined,
    contextLength: 1_000_000,
    vocabularySize: 256,
    about: { contextLength: 1_000_000, sequences: sequences.length, memoryBytes: 0, vectorLength: 1 },
    special: specialTexts([]),
    embedder: undefined,
    ranker: undefined,
    dispose: async () => {},
  };
}

/** Everything that became of the requests, and a way to wait for it. */
function listening(): {
  readonly send: (message: FromEngine) => void;
  readonly told: string[];
  readonly until: (what: string, times?: number) => Promise<void>;
} {
  const told: string[] = [];
  const looks = new Set<() => void>();
  return {
    told,
    send(message) {
      if (message.type === "trouble") told.push(message.what);
      if (message.type === "tick") told.push(...message.events.map(([id, { type }]) => `${id} ${type}`));
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

function start(sequences: readonly LlamaContextSequence[], model = loaded(sequences)): ReturnType<typeof listening> {
  const heard = listening();
  const limits = { queueLength: 10, queueMs: 60_000, batchTokens: 512, prefillChunkTokens: 64, interTokenMs: 100, gpu: false } as const;
  scheduler = new Scheduler({ ...model, sequences }, outbox(heard.send), limits);
  return heard;
}

describe("the loop that runs all requests of a model", () => {
  it("goes on for the others when a request cannot begin", async () => {
    const { told, until } = start([sequence(), sequence()]);
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

  it("tells what a tick brought while the next one is at work, once its decode has begun", async () => {
    const going = Promise.withResolvers<void>();
    const made = loaded([]);
    const slow = sequence();
    const evaluate = slow.evaluate.bind(slow);
    slow.evaluate = async function* (...given) {
      let steps = 0;
      for await (const token of evaluate(...given)) {
        yield token;
        // The library asks for the order of its batch just before it decodes.
        made.batches.strategy({ items: [], size: 512 });
        if (++steps === 2) await going.promise;
      }
    };
    const heard = start([slow], made);
    scheduler.submit(1, request({ maxTokens: 3 }));
    await heard.until("1 text", 2);
    expect(heard.told).not.toContain("1 completed");
    going.resolve();
    await heard.until("1 completed");
    expect(heard.told.filter((line) => line === "1 text")).toHaveLength(3);
  });

  it("uses a sequence that cannot be cleared no more, says so, and serves all with those that are left", async () => {
    const broken = sequence({ cut: () => Promise.reject(new Error("the cache is stuck")) });
    const { told, until } = start([broken, sequence()]);
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
    const { until } = start([sequence({ cut: () => Promise.reject(new Error("the cache is stuck")) })]);
    scheduler.submit(1, request({ maxTokens: 1 }));
    await until("1 completed");
    scheduler.submit(2, request({ maxTokens: 1 }));
    await expect(scheduler.ended).rejects.toThrow("no sequence is left");
  });

  it("sees a cancellation that comes while it clears a sequence", async () => {
    const clearing = Promise.withResolvers<void>();
    const isClearing = Promise.withResolvers<void>();
    const slow = sequence({
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
