import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { LoadedModel } from "../engine/model.ts";
import type { EngineEvent, EngineStats } from "../engine/protocol/events.ts";
import type { EngineLoad, EnginePrefixCache } from "../engine/protocol/load.ts";
import type { EngineDecode } from "../engine/protocol/messages.ts";
import type { EngineRequest } from "../engine/protocol/request.ts";
import { Scheduler } from "../engine/scheduler.ts";
import { engineAsk, loadFile } from "./loaded-model.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { tinyGguf, type TinyGgufOptions } from "./tiny-gguf.ts";

/** What became of a request. */
export interface Outcome {
  /** Texts of its choices. */
  readonly texts: readonly string[];
  readonly stats: EngineStats;
  /** Prompt tokens done, as its progress told. */
  readonly progress: readonly number[];
  /** Of its tokens, when they were asked for. */
  readonly logprobs: readonly number[];
}

/** A scheduler on a tiny model in this process. */
export interface TinyScheduler {
  readonly scheduler: Scheduler;
  readonly loaded: LoadedModel;
  /** What was told to the log. */
  readonly troubles: readonly string[];
  /** Tokens that were evaluated since it was last asked. */
  evaluated(): number;
  /** All decodes so far. */
  decodes(): readonly EngineDecode[];
  /** Asks with a prompt of tokens. */
  ask(tokens: readonly number[], more?: Parameters<typeof engineAsk>[0]): Asked;
  /** Ends it; once. */
  close(): Promise<void>;
}

/** A request that runs. */
export interface Asked {
  readonly id: number;
  readonly outcome: Promise<Outcome>;
  /** Of its prompt, as its progress told so far. */
  readonly tokensRead: () => number;
  /** Resolves at its first event of this type, or at once when there was one. */
  until(type: EngineEvent["type"]): Promise<void>;
}

/** What differs from the usual. */
export interface TinySchedulerOptions extends Partial<EngineLoad> {
  /** How states of prompts are kept, where it differs from the usual. */
  readonly cache?: Partial<EnginePrefixCache>;
  readonly model?: TinyGgufOptions;
}

/** States of prompts as tests keep them. */
function tinyCache(folder: string, more: Partial<EnginePrefixCache> = {}): EnginePrefixCache {
  const usual = {
    memoryFolder: folder,
    memoryBytes: 2 ** 26,
    diskBytes: 2 ** 26,
    diskAgeMs: 3_600_000,
    modelSha256: "0".repeat(64),
    waitMs: 60_000,
  };
  return { ...usual, ...more };
}

/** Starts one; it is gone after the test. */
export async function tinyScheduler({ cache = {}, model = {}, ...load }: TinySchedulerOptions = {}): Promise<TinyScheduler> {
  const folder = await temporaryFolder();
  const path = join(folder, "tiny.gguf");
  await writeFile(path, tinyGguf(model));
  const limits = {
    queueLength: 100,
    queueMs: 60_000,
    batchTokens: 512,
    prefillChunkTokens: 32,
    interTokenMs: 60_000,
    tokenWaitMs: 0,
    gpu: false,
  } as const;
  const loaded = await loadFile(path, { sequences: 4, contextLength: 1024, ...limits, ...load });
  const evaluated = countEvaluations(loaded);
  const troubles: string[] = [];
  const decodes: EngineDecode[] = [];
  const listeners = new Map<number, (event: EngineEvent) => void>();
  const out = {
    add: (id: number, event: EngineEvent) => listeners.get(id)?.(event),
    hasEnds: false,
    trouble: (what: string) => void troubles.push(what),
    handling: () => {},
    reading: () => {},
    flush: (more: readonly EngineDecode[]) => void decodes.push(...more),
  };
  const scheduler = new Scheduler(loaded, out, { ...limits, prefixCache: tinyCache(folder, cache), ...load });
  let nextId = 1;
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= scheduler.close().then(() => loaded.dispose()));
  onTestFinished(close);
  return {
    scheduler,
    loaded,
    troubles,
    evaluated,
    decodes: () => decodes,
    ask(tokens, more = {}) {
      const id = nextId++;
      const heard = hearing();
      listeners.set(id, (event) => heard.hear(event));
      const request: EngineRequest = engineAsk({
        prompt: { type: "tokens", tokens },
        maxTokens: 4,
        tenant: "one",
        includeProgress: true,
        ...more,
      });
      scheduler.submit(id, request);
      return { id, outcome: heard.outcome, tokensRead: heard.tokensRead, until: heard.until };
    },
    close,
  };
}

/** Counts what is evaluated on a model's sequences. */
function countEvaluations({ sequences }: LoadedModel): () => number {
  const total = () =>
    sequences.reduce((sum, { tokenMeter: { usedInputTokens, usedOutputTokens } }) => sum + usedInputTokens + usedOutputTokens, 0);
  let before = total();
  return () => {
    const more = total() - before;
    before += more;
    return more;
  };
}

function hearing() {
  const outcome = Promise.withResolvers<Outcome>();
  outcome.promise.catch(() => {});
  const events: EngineEvent[] = [];
  const looks = new Set<() => void>();
  return {
    outcome: outcome.promise,
    tokensRead: () => progressOf(events).at(-1) ?? 0,
    hear(event: EngineEvent) {
      events.push(event);
      if (event.type === "failed") outcome.reject(new Error(`${event.error.reason}: ${event.error.message}`));
      if (event.type === "completed")
        outcome.resolve({ texts: textsOf(events), stats: event.stats, progress: progressOf(events), logprobs: logprobsOf(events) });
      for (const look of looks) look();
    },
    until: (type: EngineEvent["type"]) =>
      new Promise<void>((resolve) => {
        const look = () => void (events.some((event) => event.type === type) && looks.delete(look) && resolve());
        looks.add(look);
        look();
      }),
  };
}

function textsOf(events: readonly EngineEvent[]): string[] {
  const texts: string[] = [];
  for (const event of events) if (event.type === "text") texts[event.choice] = (texts[event.choice] ?? "") + event.text;
  return texts;
}

function logprobsOf(events: readonly EngineEvent[]): number[] {
  return events.flatMap((event) => (event.type === "text" ? (event.logprobs ?? []).map(({ logprob }) => logprob) : []));
}

function progressOf(events: readonly EngineEvent[]): number[] {
  // Nobody is told of it once there is something to read.
  const firstText = events.findIndex(({ type }) => type === "text");
  const before = firstText < 0 ? events : events.slice(0, firstText);
  return before.flatMap((event) => (event.type === "reading" ? [event.tokensDone] : []));
}
