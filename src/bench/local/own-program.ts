import { loadModel } from "../../engine/model.ts";
import type { EngineEvent } from "../../engine/protocol/events.ts";
import type { EngineLoad } from "../../engine/protocol/load.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";
import { defaultLimits } from "../../core/limits.ts";
import { Scheduler } from "../../engine/scheduler.ts";
import { runStreams, serveRuns } from "./program.ts";
import type { OwnSetup } from "./contestant.ts";

// Parley's engine without the process around it: model and scheduler, driven from beside them.

const greedy = {
  temperature: 0,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repeatPenalty: 1,
  repeatLastTokens: 64,
  logitBias: [],
};

serveRuns(async (setup: OwnSetup) => {
  const load: EngineLoad = {
    ...setup,
    gpu: false,
    queueLength: 1000,
    queueMs: 600_000,
    prefillChunkTokens: setup.batchTokens,
    interTokenMs: 100,
    tokenWaitMs: defaultLimits.tokenWaitMs,
  };
  const loaded = await loadModel(load, { choose: async () => 0, onProgress: () => {} });
  const listeners = new Map<number, (event: EngineEvent) => void>();
  const add = (id: number, event: EngineEvent) => listeners.get(id)?.(event);
  const scheduler = new Scheduler(
    loaded,
    { add, hasEnds: false, trouble: (what) => console.error(what), handling: () => {}, reading: () => {}, flush: () => {} },
    load,
  );
  scheduler.ended.catch((error: unknown) => console.error(error));
  let nextId = 1;
  return (run) =>
    runStreams(run, ({ prompt, newTokens }, _index, onPiece) => {
      const { promise, resolve, reject } = Promise.withResolvers<{ tokens: number; cachedTokens: number }>();
      const id = nextId++;
      listeners.set(id, (event) => {
        if (event.type === "text") onPiece();
        if (event.type === "failed") reject(new Error(event.error.message));
        if (event.type === "completed") resolve({ tokens: event.stats.completionTokens, cachedTokens: event.stats.cachedTokens });
      });
      scheduler.submit(id, request(prompt, newTokens));
      return promise.finally(() => listeners.delete(id));
    });
});

function request(tokens: readonly number[], maxTokens: number): EngineRequest {
  return {
    prompt: { type: "tokens", tokens },
    sampling: greedy,
    seeds: [1],
    maxTokens,
    stop: [],
    format: { type: "text" },
    minTokens: 0,
    ignoreEos: false,
    tenant: "bench",
    echo: false,
    priority: "interactive",
    includeProgress: false,
  };
}
