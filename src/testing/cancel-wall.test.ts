import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpcJsClient, stream, type Client, type Message } from "./grpc-js-client.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import type { Fault } from "./upstream/turn.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream/upstream.ts";

// A client that leaves, in every phase of a call to an upstream, through every door: the upstream's connection is closed by it.

const phases: Readonly<Record<string, Fault>> = {
  "before the headers": { is: "no-headers" },
  "before the first content": { is: "no-body" },
  "among keep-alives": { is: "endless-comments", after: 0 },
  "in the answer": { is: "stall", after: 8 },
};
const kinds = ["openai", "anthropic", "ollama"];
const doors = ["a gRPC stream", "a gRPC call", "a REST stream", "a REST call"] as const;

let upstream: ScriptedUpstream;
let server: TestServer;
let chat: Client;
beforeAll(async () => {
  const text = Array.from({ length: 12 }, (_, index) => `${index} `);
  const models = Object.fromEntries(Object.entries(phases).map(([phase, fault]) => [modelOf(phase), { answer: { text }, fault }]));
  upstream = await startUpstream({ models });
  const upstreams = kinds.map((kind) => ({ name: kind, kind, baseUrl: upstream.url, apiKeys: ["sk-1"] }));
  server = await startTestServer({ config: { upstreams } });
  chat = grpcJsClient(server.port, "parley.v1.ChatService");
});
afterAll(async () => {
  chat.close();
  await server.close();
  await upstream.close();
});

const modelOf = (phase: string) => phase.replaceAll(" ", "-");

/** Begins a call; the answer gives it up. */
function begin(door: (typeof doors)[number], model: string): () => void {
  const message: Message = { model, max_tokens: 64, messages: [{ role: "ROLE_USER", parts: [{ text: { text: "hi" } }] }] };
  if (door === "a gRPC stream") {
    const call = stream(chat, "Stream", message).on("error", () => {});
    call.resume();
    return () => call.cancel();
  }
  if (door === "a gRPC call") {
    const call = (chat["Chat"] as unknown as (message: Message, done: () => void) => { cancel(): void }).call(chat, message, () => {});
    return () => call.cancel();
  }
  const controller = new AbortController();
  const body = JSON.stringify({ model, max_tokens: 64, stream: door === "a REST stream", messages: [{ role: "user", content: "hi" }] });
  const headers = { "content-type": "application/json" };
  const asked = fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body, signal: controller.signal });
  asked.then((response) => response.text()).catch(() => {}); // it is given up: that is what this is about
  return () => controller.abort();
}

describe.each(Object.keys(phases))("a client that leaves %s", (phase) => {
  it.each(kinds.flatMap((kind) => doors.map((door) => [door, kind] as const)))("of %s closes the connection to %s", async (door, kind) => {
    const number = upstream.requests.length + 1;
    const leave = begin(door, `${kind}/${modelOf(phase)}`);
    await upstream.held(number);
    leave();
    expect(await upstream.closed(number)).toMatchObject({ byClient: true });
  });
});
