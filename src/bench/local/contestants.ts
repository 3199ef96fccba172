import { availableParallelism } from "node:os";
import { engineEnvironment } from "../../providers/llama-cpp/engine-process.ts";
import { realModel } from "../../testing/real-model.ts";
import { startParley, type ParleyOptions } from "../servers.ts";
import type { Contestant, OwnSetup, Setup } from "./contestant.ts";
import { parleyContestant, type ParleyContestant } from "./parley.ts";
import { startProgram } from "./program.ts";

/** Parley's own defaults, for everybody. */
export async function setup(): Promise<Setup> {
  const modelPath = await realModel();
  if (modelPath === undefined) throw new Error("no source has the model: set LLM_MODEL_MIRROR or PARLEY_TEST_MODELS");
  return { modelPath, threads: availableParallelism(), sequences: 16, contextLength: 4096, batchTokens: 512 };
}

/** Loops over `evaluate()` in one process; libuv's pool as it is unless said otherwise. */
export function startPlain(common: Setup, threadPool?: number): Promise<Contestant> {
  const name = threadPool === undefined ? "plain evaluate loops" : `plain, pool size ${threadPool}`;
  const environment = threadPool === undefined ? {} : { UV_THREADPOOL_SIZE: String(threadPool) };
  return startProgram(name, "plain-program.ts", { setup: common, environment });
}

/** Parley's engine without doors and without the process around it. */
export function startOwn(common: OwnSetup, name = "parley's engine"): Promise<Contestant> {
  return startProgram(name, "own-program.ts", { setup: common, environment: engineEnvironment(process.env) });
}

/** The whole of `npm start`, asked by gRPC; the model is loaded when it answers. */
export async function startService(common: Setup, options: ParleyOptions = {}): Promise<ParleyContestant> {
  const contestant = parleyContestant(await startParley({ model: common.modelPath, ...options }), "");
  await contestant.run({ streams: [{ prompt: [1000, 1001], newTokens: 1, after: 0 }] });
  return contestant;
}
