import { createClient, type Client } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ModelService, ModelState, type LoadModelResponse } from "../../../gen/parley/v1/models_pb.ts";
import { loadConfig } from "../../config.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { startServer } from "../../service.ts";
import { eventsOf, failureOf } from "../../testing/collect-events.ts";
import { silentLog } from "../../telemetry/log.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { writeTinyGguf } from "../../testing/tiny-gguf.ts";
import { writeTinyLora } from "../../testing/tiny-lora.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let running: TestServer;
let manage: Client<typeof ModelService>;

async function start(): Promise<void> {
  running = await startTestServer({ models: { tiny: { heads: 2 } } });
  onTestFinished(() => running.close());
  manage = createClient(ModelService, createGrpcTransport({ baseUrl: running.url }));
}

describe("LoadModel, by a gRPC client", () => {
  it("tells how far it is and ends with the model as it was asked for, which lists and metrics show", async () => {
    await start();
    const options = { contextLength: 512, sequences: 2, batchTokens: 128, threads: 1, flashAttention: true, kvType: "q8_0" };
    const steps: LoadModelResponse[] = await eventsOf(manage.loadModel({ model: "tiny", options }));
    const fractions = steps.map(({ fractionDone }) => fractionDone);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(steps.at(-1)).toMatchObject({ fractionDone: 1, model: { state: ModelState.READY, contextLength: 512 } });
    const listed = (await manage.listModels({})).models.find(({ id }) => id === "tiny");
    expect(listed).toEqual(steps.at(-1)?.model);
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    expect(metrics).toContain(`llm_model_memory_bytes{model="tiny"} ${listed?.memoryBytes}`);
    expect((await manage.unloadModel({ model: "tiny" })).model?.state).toBe(ModelState.ON_DISK);
    expect(await (await fetch(`${running.url}/metrics`)).text()).toContain('llm_model_memory_bytes{model="tiny"} 0');
  });

  it("names the field that cannot be, over every protocol", async () => {
    await start();
    const http1 = createClient(ModelService, createConnectTransport({ baseUrl: running.url, httpVersion: "1.1" }));
    for (const client of [manage, http1]) {
      const error = await failureOf(eventsOf(client.loadModel({ model: "tiny", options: { kvType: "q8" } })));
      expect([reasonOf(error), fieldOf(error)]).toEqual(["invalid_request", "options.kv_type"]);
      expect(error.rawMessage).toContain("known are f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl");
    }
  });
});

it("a model is loaded as the configuration says, with adapters that are no models", async () => {
  const folder = await temporaryFolder();
  await writeTinyGguf(join(folder, "tiny.gguf"), { heads: 2 });
  await writeTinyLora(join(folder, "accent.gguf"));
  const file = join(folder, "parley.yaml");
  const options = "{threads: 1, sequences: 3, contextLength: 640, kvType: q8_0, loraAdapters: [accent], keepAliveSeconds: 0}";
  await writeFile(file, `models: {options: {tiny: ${options}}}`);
  const environment = { LLM_PORT: "0", LLM_MODELS_DIR: folder, LLM_DATA_DIR: join(folder, "data") };
  const server = await startServer(loadConfig({ file, environment }), { log: silentLog });
  onTestFinished(() => server.close());
  const client = createClient(ModelService, createGrpcTransport({ baseUrl: server.urls[0] ?? "" }));
  const last = (await eventsOf(client.loadModel({ model: "tiny" }))).at(-1);
  expect(last?.model).toMatchObject({ state: ModelState.READY, contextLength: 640, isDefault: true });
  expect((await client.listModels({})).models.map(({ id }) => id)).toEqual(["echo", "tiny"]);
  expect(await server.gpu).toMatch(/^none \(CPU, 1 thread/);
});
