import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { loadConfig } from "../config.ts";
import type { Variables } from "../core/child-environment.ts";
import { startServer, type ParleyServer } from "../service.ts";
import { recordingLog, type LogLine } from "./recording-log.ts";
import { writeTinyBert, type TinyBertOptions } from "./tiny-bert.ts";
import { writeTinyGguf, type TinyGgufOptions } from "./tiny-gguf.ts";

/** Id of the model that the tests with the real model use. */
export const realModelId = "smollm2-135m-instruct";

/** A service for tests, on a free port, in this process. */
export interface TestServer {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  readonly server: ParleyServer;
  /** What it has logged so far. */
  readonly log: readonly LogLine[];
  /** Its folder of models. */
  readonly modelsDirectory: string;
  close(): Promise<void>;
}

/** What a service for tests is to be. */
export interface TestServerOptions {
  /** Tiny models in its folder, by file name without `.gguf`. Default none: echo alone. */
  readonly models?: Readonly<Record<string, TinyGgufOptions>>;
  /** Tiny encoders in it, by file name without `.gguf`. */
  readonly encoders?: Readonly<Record<string, TinyBertOptions>>;
  /** How all of them are loaded, besides with one thread. */
  readonly load?: { readonly sequences?: number; readonly contextLength?: number };
  /** Folder of models that are there already; `models` is not written then. */
  readonly modelsDirectory?: string;
  /** What its configuration file says beside how models are loaded. */
  readonly config?: JsonObject;
  /** Variables beside those that make it a service for tests. */
  readonly environment?: Variables;
}

/** Starts one, and waits until it is ready. Its default model is echo unless the variables say otherwise. */
export async function startTestServer({
  models = {},
  encoders = {},
  load = {},
  modelsDirectory,
  config = {},
  environment = {},
}: TestServerOptions = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "parley-test-"));
  for (const [name, options] of Object.entries(models)) await writeTinyGguf(join(folder, `${name}.gguf`), options);
  for (const [name, options] of Object.entries(encoders)) await writeTinyBert(join(folder, `${name}.gguf`), options);
  const directory = modelsDirectory ?? folder;
  // One thread: with more, each token waits for all of them many times, and tests that run beside this one make every wait a time slice long.
  const modelOptions = Object.fromEntries(
    [realModelId, ...Object.keys(models), ...Object.keys(encoders)].map((name) => [name, { threads: 1, ...load }]),
  );
  const file = join(folder, "parley.json");
  await writeFile(file, JSON.stringify({ ...config, models: { options: modelOptions } }));
  const own = { LLM_PORT: "0", LLM_DEFAULT_PROVIDER: "echo", LLM_MODELS_DIR: directory, LLM_DATA_DIR: join(folder, "data") };
  const { log, lines } = recordingLog();
  const server = await startServer(loadConfig({ file, environment: { ...own, ...environment } }), { log });
  await untilReady(server);
  return {
    url: server.urls[0] ?? "",
    port: server.port,
    server,
    log: lines,
    modelsDirectory: directory,
    async close() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Loads every model in the folder of a service, so that no test waits for that. */
export async function loadAll({ server: { service } }: TestServer): Promise<void> {
  const { signal } = new AbortController();
  for (const { id, provider } of await service.models.list({ includeCatalog: false, signal })) {
    if (provider !== "llama-cpp") continue;
    for await (const { fractionDone } of service.models.load(id, undefined, signal)) if (fractionDone === 1) break;
  }
}

function untilReady({ service: { health } }: ParleyServer): Promise<void> {
  return new Promise((resolve) => {
    const unwatch = health.watch(() => check());
    const check = () => {
      if (!health.isReady()) return;
      unwatch();
      resolve();
    };
    check();
  });
}
