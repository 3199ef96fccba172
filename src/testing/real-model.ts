import { join } from "node:path";
import { describe } from "vitest";
import { systemClock } from "../core/clock.ts";
import { resolveLimits } from "../core/limits.ts";
import { reasonOf } from "../core/reasons.ts";
import { openLibrary, type ModelLibrary } from "../library/library.ts";
import { silentLog } from "../telemetry/log.ts";

const cache = join(import.meta.dirname, "../../.cache");

let known: Promise<string | undefined> | undefined;

/** Path of the real default model: from the folder that `PARLEY_TEST_MODELS` names when it is there, else pulled once for all test workers into a cache of this repository. Undefined when no source answers. */
export function realModel(): Promise<string | undefined> {
  known ??= find();
  return known;
}

/** Tests that need the real model; where there is none they are skipped, and say so. */
export async function describeWithRealModel(name: string, define: (path: string) => void): Promise<void> {
  const path = await realModel();
  if (path === undefined) describe.skip(`${name} (skipped: no model)`, () => define(""));
  else describe(name, () => define(path));
}

async function find(): Promise<string | undefined> {
  const given = process.env["PARLEY_TEST_MODELS"];
  const there = given === undefined || given === "" ? undefined : await within(given, async (library) => pathIn(library));
  return there ?? within(join(cache, "models"), pull);
}

async function pull(library: ModelLibrary): Promise<string | undefined> {
  try {
    for await (const step of library.pull(library.defaultId, new AbortController().signal)) void step;
    return pathIn(library);
  } catch (error) {
    if (reasonOf(error) !== "pull_failed") throw error;
    process.stderr.write(`no real model for the tests: ${(error as Error).message}\n`);
    return undefined;
  }
}

function pathIn(library: ModelLibrary): string | undefined {
  const model = library.find(library.defaultId);
  return model?.problem === "" ? model.path : undefined;
}

async function within<Value>(directory: string, use: (library: ModelLibrary) => Promise<Value>): Promise<Value> {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token, LLM_MODEL_MIRROR: mirror } = process.env;
  const library = await openLibrary({
    directory,
    mirror,
    dataDirectory: cache,
    hub: { endpoint: endpoint || "https://huggingface.co", token: token || undefined },
    limits: resolveLimits({}),
    log: silentLog,
    variables: process.env,
    clock: systemClock,
  });
  try {
    return await use(library);
  } finally {
    await library.close();
  }
}
