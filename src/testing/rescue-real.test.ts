import { dirname } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { grpcJsClient, type Client } from "./grpc-js-client.ts";
import { readGrpc, readRest } from "./read-chat.ts";
import { describeWithRealModel } from "./real-model.ts";
import { realModelId, startTestServer, type TestServer } from "./test-server.ts";
import type { Turn } from "./upstream/turn.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream/upstream.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const words = "Name the capital of France, and say in one sentence what it is known for.";
const asked = { model: "asked", words, maxTokens: 100, temperature: 0 };

await describeWithRealModel("an upstream that breaks off before a local SmolLM2", (path) => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  let chat: Client;
  let whole: string;
  beforeAll(async () => {
    upstream = await startUpstream();
    server = await startTestServer({
      modelsDirectory: dirname(path),
      load: { sequences: 1, contextLength: 512 },
      config: {
        upstreams: [{ name: "remote", kind: "openai", baseUrl: upstream.url, apiKeys: ["sk-1"] }],
        routes: [
          { model: "asked", targets: [{ upstream: "remote" }, { upstream: "llama-cpp", model: realModelId }], rescue: { attempts: 2 } },
        ],
      },
    });
    chat = grpcJsClient(server.port, "parley.v1.ChatService");
    whole = (await readGrpc(chat, { ...asked, model: realModelId })).text;
  });
  afterAll(async () => {
    chat.close();
    await server.close();
    await upstream.close();
  });

  it("ends as the model alone would have, wherever it breaks off", async () => {
    for (const cut of [1, 9, Math.floor(whole.length / 2), whole.length - 4]) {
      const text = whole.slice(0, cut).match(/.{1,3}/gsu) ?? [];
      const turn: Turn = { answer: { text }, fault: { is: "no-finish" } };
      upstream.script(turn);
      const splices = [{ choice: 0, offset: cut, provider: "llama-cpp", model: realModelId }];
      expect(await readGrpc(chat, asked), `cut at ${cut}`).toMatchObject({ text: whole, isClean: true, served: { splices } });
      expect(await readRest(server.url, asked), `cut at ${cut}`).toMatchObject({ text: whole, isClean: true });
    }
  });
});
