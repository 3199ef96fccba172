import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { grpcJsClient, read, stream } from "./grpc-js-client.ts";
import { startTestServer } from "./test-server.ts";

// Upstreams that say all of an answer and leave the connection open behind it: the answer is whole, and told as such.

const sse = (...frames: readonly object[]) => frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join("");
const chunk = (delta: object, finish: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason: finish }] });
const openai = sse(chunk({ content: "all of it" }), chunk({}, "stop"));
const usage = sse({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } });
const anthropic = sse(
  { type: "message_start", message: { usage: { input_tokens: 7, output_tokens: 0 } } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "all of it" } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } },
);
const ollama = `${JSON.stringify({ message: { content: "all of it" } })}\n${JSON.stringify({ done: true, done_reason: "stop", prompt_eval_count: 7, eval_count: 3 })}\n`;

interface Said {
  readonly kind: string;
  readonly words: string;
  /** What the upstream does when it has said that. */
  readonly behind?: (response: ServerResponse) => void;
}

const comments = (response: ServerResponse) => {
  const timer = setInterval(() => response.write(": ping\n\n"), 20);
  response.on("close", () => clearInterval(timer));
};

const idleSeconds = 0.6;

async function serviceOf({ kind, words, behind }: Said) {
  const closed: Promise<unknown>[] = [];
  const sockets: unknown[] = [];
  const upstream = createServer((request, response) => {
    request.resume();
    if (request.method === "GET") {
      response.writeHead(404).end();
      return;
    }
    closed.push(once(response, "close"));
    sockets.push(request.socket);
    response.writeHead(200, { "content-type": kind === "ollama" ? "application/x-ndjson" : "text/event-stream" });
    response.write(words);
    behind?.(response);
  });
  upstream.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  onTestFinished(() => void (upstream.closeAllConnections(), upstream.close()));
  const baseUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const service = await startTestServer({
    config: { upstreams: [{ name: "a", kind, baseUrl, models: ["m"], idleSeconds, ...(kind === "ollama" ? {} : { apiKeys: ["k"] }) }] },
  });
  onTestFinished(() => service.close());
  const chat = grpcJsClient(service.port, "parley.v1.ChatService");
  onTestFinished(() => chat.close());
  return {
    closed,
    sockets,
    rest: async () => {
      const body = JSON.stringify({ model: "a/m", stream: true, messages: [{ role: "user", content: "hi" }] });
      const response = await fetch(`${service.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
      return response.text();
    },
    grpc: () => read(stream(chat, "Stream", { model: "a/m", messages: [{ role: "ROLE_USER", parts: [{ text: { text: "hi" } }] }] })),
    calls: () => service.log.filter(({ message }) => message === "call").map(({ facts }) => facts),
    breaks: () => service.log.filter(({ message }) => message === "attempt").map(({ facts }) => facts["outcome"]),
  };
}

const marked: readonly (readonly [string, Said])[] = [
  ["[DONE]", { kind: "openai", words: `${openai}${usage}data: [DONE]\n\n` }],
  ["message_stop", { kind: "anthropic", words: anthropic + sse({ type: "message_stop" }) }],
  ["done", { kind: "ollama", words: ollama }],
];

const unmarked: readonly (readonly [string, Said])[] = [
  ["a finish reason and usage, silent", { kind: "openai", words: openai + usage }],
  ["a finish reason, commenting", { kind: "openai", words: openai, behind: comments }],
  ["a stop reason, silent", { kind: "anthropic", words: anthropic }],
  ["a stop reason, pinging", { kind: "anthropic", words: anthropic, behind: comments }],
];

describe("an answer that is whole while its connection stays open", () => {
  it.each([...marked, ...unmarked])("ends cleanly behind %s, for every client and in the books", async (_name, said) => {
    const { rest, grpc, calls, breaks, closed } = await serviceOf(said);
    const text = await rest();
    expect(text).toContain("all of it");
    expect(text).toContain('"finish_reason":"stop"');
    expect(text).toContain("data: [DONE]");
    expect(text).not.toContain('"error"');
    const last = (await grpc()).at(-1) as { readonly completed: { readonly usage: object } | null };
    if (said.words !== openai) expect(last.completed?.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 3 });
    else expect(last.completed).not.toBeNull();
    await expect.poll(calls).toHaveLength(2);
    expect([calls().map(({ status }) => status), breaks()]).toEqual([["ok", "ok"], []]);
    expect(await Promise.all(closed)).toHaveLength(2); // no socket is left open
  });

  it.each(marked)("ends at %s, and its connection serves the next call once its body ends too", async (_name, said) => {
    const goOn = Promise.withResolvers<void>();
    const { rest, sockets } = await serviceOf({ ...said, behind: (response) => void goOn.promise.then(() => response.end()) });
    const text = await rest();
    expect(text).toContain("data: [DONE]");
    expect(text).not.toContain('"error"');
    goOn.resolve();
    const isReused = async () => (await rest(), new Set(sockets).size < sockets.length);
    await expect.poll(isReused).toBe(true);
  });
});
