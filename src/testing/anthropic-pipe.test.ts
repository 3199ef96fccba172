import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./test-server.ts";

// An Anthropic client, Parley, and an upstream that speaks Anthropic's format: what the one says the other hears, word for word.

type Body = Readonly<Record<string, unknown>>;

const content = [
  { type: "thinking", thinking: "hm, so", signature: "c2lnbmVk+/=" },
  { type: "redacted_thinking", data: "aGlkZGVu+/=" },
  { type: "text", text: "I look. \u{1f600}\u2028", citations: null },
  { type: "tool_use", id: "toolu_1", name: "look", input: { at: "it", big: 1.5 }, caller: { type: "direct" } },
  { type: "tool_use", id: "toolu_2", name: "look", input: {}, caller: { type: "direct" } },
];
const usage = {
  input_tokens: 10,
  cache_creation_input_tokens: 30,
  cache_read_input_tokens: 60,
  output_tokens: 20,
  output_tokens_details: { thinking_tokens: 8 },
};
const ends: Readonly<Record<string, Body>> = {
  tools: { content, stop_reason: "tool_use", stop_sequence: null },
  stopped: { content: [content[2]], stop_reason: "stop_sequence", stop_sequence: "END" },
  paused: { content: [content[2]], stop_reason: "pause_turn", stop_sequence: null },
  full: { content: [content[2]], stop_reason: "model_context_window_exceeded", stop_sequence: null },
};

const frame = (data: Body): string => `event: ${String(data["type"])}\ndata: ${JSON.stringify(data)}\n\n`;

/** A block as a stream writes it. */
function blockFrames(block: Body, index: number): string {
  const [start, deltas] = pieces[String(block["type"])]!(block);
  const begun = frame({ type: "content_block_start", index, content_block: start });
  return (
    begun +
    deltas.map((delta) => frame({ type: "content_block_delta", index, delta })).join("") +
    frame({ type: "content_block_stop", index })
  );
}

const pieces: Readonly<Record<string, (block: Body) => [start: Body, deltas: Body[]]>> = {
  text: ({ text }) => [{ type: "text", text: "" }, Array.from(String(text), (character) => ({ type: "text_delta", text: character }))],
  thinking: ({ thinking, signature }) => [
    { type: "thinking", thinking: "", signature: "" },
    [
      { type: "thinking_delta", thinking },
      { type: "signature_delta", signature },
    ],
  ],
  redacted_thinking: (block) => [block, []],
  tool_use: ({ input, ...block }) => [{ ...block, input: {} }, [{ type: "input_json_delta", partial_json: JSON.stringify(input) }]],
};

function streamed(message: Body): string {
  const { content: blocks, stop_reason, stop_sequence, ...start } = message;
  const told = { ...usage, output_tokens: 1 };
  return [
    frame({ type: "message_start", message: { ...start, content: [], stop_reason: null, stop_sequence: null, usage: told } }),
    ...(blocks as Body[]).map(blockFrames),
    frame({
      type: "message_delta",
      delta: { stop_reason, stop_sequence },
      usage: { output_tokens: 20, output_tokens_details: usage.output_tokens_details },
    }),
    frame({ type: "message_stop" }),
  ].join("");
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  heard = (await json(request)) as Body;
  const message = { id: "msg_up", type: "message", role: "assistant", model: heard["model"], ...ends[String(heard["model"])], usage };
  const isStream = heard["stream"] === true;
  response.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
  response.end(isStream ? streamed(message) : JSON.stringify(message));
}

let upstream: Server;
let parley: TestServer;
let anthropic: Anthropic;
let heard: Body = {};
beforeAll(async () => {
  upstream = createServer((request, response) => void answer(request, response));
  await once(upstream.listen(0, "127.0.0.1"), "listening");
  const { port } = upstream.address() as AddressInfo;
  parley = await startTestServer({
    config: { upstreams: [{ name: "claude", kind: "anthropic", baseUrl: `http://127.0.0.1:${port}`, apiKeys: ["sk-test"] }] },
  });
  anthropic = new Anthropic({ baseURL: parley.url, apiKey: "none", maxRetries: 0 });
});
afterAll(async () => {
  await parley.close();
  upstream.closeAllConnections();
  upstream.close();
});

const kept = { cache_control: { type: "ephemeral" as const, ttl: "1h" as const } };
const rich = {
  max_tokens: 4000,
  system: [
    { type: "text" as const, text: "Be brief." },
    { type: "text" as const, text: "Be kind.", ...kept },
  ],
  messages: [
    {
      role: "user" as const,
      content: [
        { type: "text" as const, text: "what is it?" },
        { type: "image" as const, source: { type: "base64" as const, media_type: "image/png" as const, data: "iVBORw0KGgo=" } },
        {
          type: "document" as const,
          source: { type: "base64" as const, media_type: "application/pdf" as const, data: "JVBERi0=" },
          title: "a.pdf",
        },
      ],
    },
    {
      role: "assistant" as const,
      content: content.map((block) => without(block, ["citations", "caller"])) as unknown as Anthropic.ContentBlockParam[],
    },
    {
      role: "user" as const,
      content: [
        { type: "tool_result" as const, tool_use_id: "toolu_1", content: "a cat", ...kept },
        { type: "tool_result" as const, tool_use_id: "toolu_2", content: "no cat", is_error: true },
      ],
    },
  ],
  tools: [
    {
      name: "look",
      description: "looks",
      input_schema: { type: "object" as const, properties: { at: { type: "string" } } },
      strict: true,
      ...kept,
    },
  ],
  tool_choice: { type: "auto" as const, disable_parallel_tool_use: true },
  thinking: { type: "enabled" as const, budget_tokens: 2048 },
  stop_sequences: ["END"],
  metadata: { user_id: "u" },
  service_tier: "standard_only" as const,
};

function without(block: Body, names: readonly string[]): Body {
  return Object.fromEntries(Object.entries(block).filter(([name]) => !names.includes(name)));
}

describe("from Anthropic's client to Anthropic's format", () => {
  it("what is asked arrives as it was said", async () => {
    await anthropic.messages.create({ model: "claude/tools", ...rich });
    expect(heard).toEqual({ model: "tools", stream: false, ...rich });
  });

  it.each(Object.keys(ends))("what is answered comes back as it was said, whole and streamed: %s", async (name) => {
    const asked = { model: `claude/${name}`, ...rich };
    const answers = [await anthropic.messages.create(asked), await anthropic.messages.stream(asked).finalMessage()];
    for (const given of answers) expect(given).toMatchObject({ model: `claude/${name}`, ...ends[name], usage });
  });

  it("what was answered can be said again, and arrives whole", async () => {
    const asked = { model: "claude/tools", ...rich };
    const said = await anthropic.messages.stream(asked).finalMessage();
    const turn = { role: "assistant" as const, content: said.content };
    const results = ["toolu_1", "toolu_2"].map((id) => ({ type: "tool_result" as const, tool_use_id: id, content: "x" }));
    await anthropic.messages.create({ ...asked, messages: [...rich.messages, turn, { role: "user" as const, content: results }] });
    const messages = heard["messages"] as readonly { readonly content: unknown }[];
    expect(messages.at(-2)?.content).toEqual(content.map((block) => without(block, ["citations", "caller"])));
  });
});
