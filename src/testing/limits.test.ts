import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { limits, type LimitName } from "../core/limits.ts";
import { rawClient } from "./raw-client.ts";
import { framed, rawAnswer, rawRpc } from "./raw-rpc.ts";
import { userRequest } from "./sample-request.ts";
import { startTestServer, type TestServer } from "./test-server.ts";

// Every row of the table of limits: those that a client can pass are passed here, over REST and over RPC where both have them, and the refusal names the row.

/** Small, and far enough apart that one request passes one of them alone. */
const values = {
  ...{ maxBodyBytes: 20_000, maxHeaderBytes: 4096, maxHeaders: 32, headersMs: 100, bodyMs: 100, maxJsonDepth: 12, maxJsonKeys: 40 },
  ...{ maxMessages: 3, maxParts: 3, maxTools: 2, maxStops: 2, maxStopLength: 8, maxChoices: 2, maxNewTokens: 100, maxSchemaBytes: 1024 },
  ...{ maxLogitBias: 2, maxPrompts: 2, maxInputs: 2, maxDocuments: 2, maxTextBytes: 1024, maxTokenIds: 3, maxMediaFetches: 1 },
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ config: { limits: { values } }, environment: { LLM_MEDIA_ALLOW: "no-such-host.invalid" } });
});
afterAll(() => server.close());

async function post(path: string, body: object | string | Uint8Array, headers: Record<string, string> = {}): Promise<string> {
  const isText = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: isText ? (body as string) : JSON.stringify(body),
  });
  expect(response.status).toBeGreaterThanOrEqual(400);
  expect(response.status).toBeLessThan(500);
  return response.text();
}

const message = { role: "user", content: "x" };
const rest = (more: object) => () => post("/v1/chat/completions", { messages: [message], ...more });
const part = { text: { text: "x" } };
const rpc = (more: object) => () => post("/parley.v1.ChatService/Chat", { messages: [{ role: "ROLE_USER", parts: [part] }], ...more });
const tools = (count: number, parameters: object = {}) =>
  Array.from({ length: count }, (_, index) => ({ type: "function", function: { name: `f${index}`, parameters } }));
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const many = <Item>(count: number, item: Item) => Array.from({ length: count }, () => item);
const keys = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, 1]));
const longText = "x".repeat(1100);

async function grpc(headers: Record<string, string>, body: Uint8Array, isWhole = true): Promise<string> {
  const session = connect(server.url);
  const stream = rawRpc(session, "/parley.v1.ChatService/Chat", headers);
  stream.write(body);
  if (isWhole) stream.end();
  const { message: words, headers: answered } = await rawAnswer(stream);
  session.destroy();
  return `${words} ${String(answered[":status"])}`;
}

async function raw(bytes: string): Promise<string> {
  const client = await rawClient(server.url);
  client.send(bytes);
  const text = await client.until(/\r\n\r\n.*\}/s);
  client.socket.destroy();
  return text;
}

const get = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
const manyHeaders = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`x-${index}`, "1"]));
const chat = toBinary(ChatRequestSchema, userRequest("x".repeat(30_000)));
const zipped = framed(gzipSync(chat), 1);

/** How a client passes each; each answer names the limit. */
const provocations: Readonly<Partial<Record<LimitName, readonly (() => Promise<string>)[]>>> = {
  maxBodyBytes: [
    rest({ user: "x".repeat(30_000) }),
    () =>
      post("/v1/chat/completions", gzipSync(JSON.stringify({ messages: [message], user: "x".repeat(30_000) })), {
        "content-encoding": "gzip",
      }),
    rpc({ endUserId: "x".repeat(30_000) }),
    () => grpc({}, framed(chat)),
    () => grpc({ "grpc-encoding": "gzip" }, zipped),
  ],
  maxHeaderBytes: [() => raw(`${get}x: ${"y".repeat(6000)}\r\n\r\n`)],
  maxHeaders: [
    () => raw(`${get}${"x: y\r\n".repeat(40)}\r\n`),
    () => grpc(manyHeaders, framed(toBinary(ChatRequestSchema, userRequest("x")))),
  ],
  headersMs: [() => raw(get)],
  bodyMs: [
    () => raw("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{"),
    () => grpc({}, Buffer.of(0), false),
  ],
  maxJsonDepth: [
    () => post("/v1/chat/completions", nested(20)),
    () => post("/parley.v1.ChatService/Chat", `{"providerOptions":{"x":${nested(20)}}}`),
    () => grpc({ "content-type": "application/grpc+json" }, framed(Buffer.from(`{"providerOptions":{"x":${nested(20)}}}`))),
  ],
  maxJsonKeys: [rest({ metadata: keys }), rpc({ providerOptions: keys })],
  maxMessages: [rest({ messages: many(4, message) }), rpc({ messages: many(4, { role: "ROLE_USER", parts: [part] }) })],
  maxParts: [
    rest({ messages: [{ role: "user", content: many(4, { type: "text", text: "x" }) }] }),
    rpc({ messages: [{ role: "ROLE_USER", parts: many(4, part) }] }),
    rpc({ messages: [{ role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "t", content: many(4, part) } }] }] }),
  ],
  maxTools: [rest({ tools: tools(3) })],
  maxStops: [rest({ stop: ["a", "b", "c"] }), rpc({ stop: ["a", "b", "c"] })],
  maxStopLength: [rest({ stop: ["x".repeat(9)] })],
  maxChoices: [rest({ n: 3 }), rpc({ choices: 3 })],
  maxNewTokens: [rest({ max_tokens: 101 }), rest({ max_completion_tokens: 101 }), rpc({ maxTokens: 101 })],
  maxSchemaBytes: [
    rest({ tools: tools(1, { description: longText }) }),
    rest({ response_format: { type: "json_schema", json_schema: { name: "s", schema: { description: longText } } } }),
    rpc({ responseFormat: { grammar: { gbnf: longText } } }),
  ],
  maxLogitBias: [rest({ logit_bias: { 1: 1, 2: 1, 3: 1 } })],
  maxPrompts: [() => post("/v1/completions", { prompt: ["a", "b", "c"] })],
  maxInputs: [() => post("/v1/embeddings", { model: "echo", input: ["a", "b", "c"] })],
  maxDocuments: [() => post("/v1/rerank", { query: "q", documents: ["a", "b", "c"] })],
  maxTextBytes: [
    () => post("/v1/embeddings", { model: "echo", input: longText }),
    () => post("/parley.v1.TokenService/Tokenize", { text: longText }),
  ],
  maxTokenIds: [
    () => post("/v1/embeddings", { model: "echo", input: [1, 2, 3, 4] }),
    () => post("/parley.v1.TokenService/Detokenize", { tokenIds: [1, 2, 3, 4] }),
  ],
};

/** Where the others are met: by a client whose connection is closed or paced, or by what stands behind the service. */
const elsewhere: Readonly<Partial<Record<LimitName, string>>> = {
  maxConnections: "api/front.test.ts",
  maxConcurrentStreams: "api/http2.test.ts",
  maxControlFrames: "api/abuse.test.ts",
  maxControlBytes: "api/abuse.test.ts",
  maxUnseenResets: "api/abuse.test.ts",
  floodPauseMs: "api/floods.test.ts",
  firstByteMs: "api/front.test.ts",
  idleConnectionMs: "api/front.test.ts",
  maxConnectionAgeMs: "api/sessions.test.ts",
  connectionPingMs: "api/sessions.test.ts",
  stalledReaderMs: "api/calls.test.ts",
  maxMediaFetches: "layers/media/media.test.ts",
  maxMediaBytes: "layers/media/media.test.ts",
  mediaMs: "layers/media/media.test.ts",
  keepAliveMs: "api/rest/event-stream.test.ts",
  unaryCallMs: "api/calls.test.ts",
  callMs: "api/calls.test.ts",
  firstTokenMs: "providers/http/cancel.test.ts",
  idleStreamMs: "layers/time-limits.test.ts",
  targetQueue: "service-upstreams.test.ts",
  engineQueue: "providers/llama-cpp/queue.test.ts",
  engineQueueMs: "providers/llama-cpp/queue.test.ts",
  engineStepMs: "providers/llama-cpp/suspects.test.ts",
  maxModelBytes: "library/pull.test.ts",
};

describe("each limit of the door", () => {
  const cases = Object.entries(provocations).flatMap(([name, ways]) => ways.map((way, index) => ({ name, number: index + 1, way })));
  it.each(cases)("names itself where it is passed: $name, way $number", async ({ name, way }) => {
    expect(await way()).toContain(name);
  });

  it("is among them, or is met in another test", () => {
    const paces: readonly LimitName[] = ["headerHoldMs"];
    const refusing = (Object.keys(limits) as LimitName[]).filter((name) =>
      ["invalid_request", "malformed_body", "body_too_large"].includes(limits[name].reason ?? ""),
    );
    const known = new Set<string>([...Object.keys(provocations), ...Object.keys(elsewhere), ...paces]);
    expect(refusing.filter((name) => !known.has(name))).toEqual([]);
    for (const [name, file] of Object.entries(elsewhere)) {
      const path = join(import.meta.dirname, "..", file);
      expect(existsSync(path) && readFileSync(path, "utf8").includes(name), `${name} in ${file}`).toBe(true);
    }
  });
});

describe("names that objects have of their own", () => {
  const own = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
  const polluted = () => ({} as { polluted?: unknown }).polluted;
  const tree = (name: string) => `{${JSON.stringify(name)}:{"polluted":1,"prototype":{"polluted":1}}}`;

  it.each(own)("mean nothing in a body, in metadata, in options or in a schema: %s", async (name) => {
    const schema = `{"type":"object","properties":${tree(name)},${tree(name).slice(1)}`;
    const body = `{"messages":[{"role":"user","content":"x"}],${tree(name).slice(1, -1)},"metadata":{${JSON.stringify(name)}:"y"},"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}]}`;
    const bodies: readonly (readonly [string, string])[] = [
      ["/v1/chat/completions", body],
      [
        "/parley.v1.ChatService/Chat",
        `{"messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"x"}}]}],"metadata":{${JSON.stringify(name)}:"y"},"providerOptions":${tree(name)}}`,
      ],
    ];
    for (const [path, text] of bodies) {
      const { status } = await fetch(server.url + path, { method: "POST", headers: { "content-type": "application/json" }, body: text });
      expect(status).toBeLessThan(500);
    }
    const metadata = Object.fromEntries([[name, "y"]]);
    const binary = toBinary(ChatRequestSchema, create(ChatRequestSchema, { ...userRequest("x"), metadata }));
    expect(await grpc({}, framed(binary))).toContain("200");
    expect([polluted(), typeof {}.toString, typeof {}.hasOwnProperty, Object.keys(Object.prototype)]).toEqual([
      undefined,
      "function",
      "function",
      [],
    ]);
  });
});

describe("a picture by URL", () => {
  const picture = { type: "image_url", image_url: { url: "https://127.0.0.1/x.png" } };
  it("is refused by every door, with the name of its field", async () => {
    expect(await post("/v1/chat/completions", { messages: [{ role: "user", content: [picture] }] })).toContain(
      '"param":"messages[0].content"',
    );
    const parts = [{ image: { url: "https://127.0.0.1/x.png" } }];
    expect(await rpc({ messages: [{ role: "ROLE_USER", parts }] })()).toContain("messages[0].parts[0].image.url");
  });
});
