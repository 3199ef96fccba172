import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { ModelService, ModelState } from "../../../gen/parley/v1/models_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let running: TestServer;
let chat: Client<typeof ChatService>;
let manage: Client<typeof ModelService>;
afterEach(() => running.close());

async function start(environment: Record<string, string> = {}): Promise<void> {
  running = await startTestServer({
    models: { a: {}, b: { seed: 2 }, huge: { layers: 40 } },
    environment: { LLM_DEFAULT_PROVIDER: "local", LLM_DEFAULT_MODEL: "a", ...environment },
  });
  const transport = createGrpcTransport({ baseUrl: running.url });
  chat = createClient(ChatService, transport);
  manage = createClient(ModelService, transport);
}

/** Asks the default model, and answers with the model that wrote the whole answer. */
async function ask(maxTokens = 24): Promise<string> {
  let [written, by] = ["", "nobody"];
  for await (const { event } of chat.stream(userRequest("hello", { maxTokens }))) {
    if (event.case === "text") written += event.value.text;
    if (event.case === "completed") {
      by = event.value.servedBy?.model ?? "nobody";
      expect(event.value.usage?.completionTokens).toBe(maxTokens);
    }
  }
  expect(written).not.toBe("");
  return by;
}

/** Clients that ask again and again until they are stopped; answers who has served each, in order of the ends. */
function askAlways(clients: number): { readonly served: string[]; stop(): Promise<void> } {
  const served: string[] = [];
  const over = new AbortController();
  const loops = Array.from({ length: clients }, async () => {
    while (!over.signal.aborted) served.push(await ask());
  });
  return {
    served,
    async stop() {
      over.abort();
      await Promise.all(loops);
    },
  };
}

const stateOf = async (model: string) => (await manage.getModel({ model })).model?.state;

describe("another default model", () => {
  it("takes over once it is loaded, while the old one goes on answering, and loses no request", async () => {
    await start();
    const asking = askAlways(3);
    while (asking.served.length < 3) await ask();
    const before = asking.served.length;
    const { model, previousModel } = await manage.setDefaultModel({ model: "b" });
    expect([model?.id, model?.state, model?.isDefault, previousModel]).toEqual(["b", ModelState.READY, true, "a"]);
    const during = asking.served.slice(before);
    expect(during.length).toBeGreaterThan(3);
    expect(during.slice(0, 3)).toEqual(["a", "a", "a"]);
    expect(await ask()).toBe("b");
    for (const next of ["a", "b", "a", "b", "a", "b", "a"]) {
      await manage.setDefaultModel({ model: next });
      expect(await ask()).toBe(next);
    }
    await asking.stop();
    expect(new Set(asking.served)).toEqual(new Set(["a", "b"]));
  });

  it("loses no request where memory holds only one of them", async () => {
    await start({ LLM_MODEL_MEMORY: "3MB" });
    const asking = askAlways(3);
    while (asking.served.length < 3) await ask();
    await manage.setDefaultModel({ model: "b" });
    expect(await ask()).toBe("b");
    await asking.stop();
    const bytes = (await manage.listModels({})).models.map(({ memoryBytes = 0n }) => Number(memoryBytes));
    expect(bytes.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(3_000_000);
  });

  it("lets a stream that has begun end on the old one, which stays loaded for it", async () => {
    await start();
    const long = ask(1500);
    expect(await ask()).toBe("a");
    await manage.setDefaultModel({ model: "b" });
    const unloaded = manage.unloadModel({ model: "a" });
    expect(await ask()).toBe("b");
    expect(await long).toBe("a");
    await unloaded;
    expect(await stateOf("a")).toBe(ModelState.ON_DISK);
  });

  it("is what was asked for last, however long the one before takes to load", async () => {
    await start();
    const slow = failureOf(manage.setDefaultModel({ model: "b" }));
    await vi.waitFor(async () => expect(await stateOf("b")).toBe(ModelState.LOADING), { interval: 1, timeout: 30_000 });
    expect((await manage.setDefaultModel({ model: "echo" })).previousModel).toBe("a");
    const error = await slow;
    expect(reasonOf(error)).toBe("model_state");
    expect(error.rawMessage).toContain('somebody made "echo" the default while model "b" was loaded');
    expect((await manage.getModel({ model: "" })).model?.id).toBe("echo");
  });

  it("is not taken when it cannot be loaded: the old one stays", async () => {
    await start({ LLM_MODEL_MEMORY: "3MB" });
    const error = await failureOf(manage.setDefaultModel({ model: "huge" }));
    expect(reasonOf(error)).toBe("model_too_large");
    expect(error.rawMessage).toMatch(/needs \d+\.\d MB of memory .* and the budget is 3\.0 MB/);
    expect(reasonOf(await failureOf(manage.setDefaultModel({ model: "nowhere" })))).toBe("model_not_found");
    expect(await ask()).toBe("a");
  });
});
