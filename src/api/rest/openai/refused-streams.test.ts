import { connect } from "node:http2";
import { text as textOf } from "node:stream/consumers";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const user = { role: "user", content: "hi" };
const chat = { model: "echo", messages: [user] };

const wrong: readonly (readonly [string, object, number, string | null])[] = [
  ["no messages", { messages: [] }, 400, "messages"],
  ["messages that are no list", { messages: "hi" }, 400, "messages"],
  ["an unknown role", { messages: [{ role: "robot", content: "x" }] }, 400, "messages[0].role"],
  ["a role that is no word", { messages: [{ role: 7, content: "x" }] }, 400, "messages[0].role"],
  ["no content", { messages: [{ role: "user" }] }, 400, "messages[0].content"],
  ["a temperature out of range", { temperature: 2.1 }, 400, "temperature"],
  ["a top_p out of range", { top_p: 0 }, 400, "top_p"],
  ["a penalty out of range", { presence_penalty: -3 }, 400, "presence_penalty"],
  ["too many logprobs", { logprobs: true, top_logprobs: 21 }, 400, "top_logprobs"],
  ["no choices", { n: 0 }, 400, "n"],
  ["no tokens", { max_completion_tokens: 0 }, 400, "max_completion_tokens"],
  ["a bias out of range", { logit_bias: { 5: 101 } }, 400, "logit_bias"],
  ["options of a stream that are none", { stream_options: true }, 400, "stream_options"],
  ["a wish for sound", { modalities: ["audio"] }, 400, "modalities"],
  ["a format that is none", { response_format: { type: "xml" } }, 400, "response_format.type"],
  ["an unknown model", { model: "nobody" }, 404, null],
];

describe.each([{ stream: false }, { stream: true, stream_options: { include_usage: true } }])("a bad chat with %j", (how) => {
  it.each(wrong)("is answered with JSON: %s", async (_name, ...[body, status, param]) => {
    const asked = JSON.stringify({ ...chat, ...how, ...body });
    const response = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body: asked });
    expect([response.status, response.headers.get("content-type")]).toEqual([status, "application/json"]);
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    const { error } = (await response.json()) as { error: Record<string, unknown> };
    expect(error).toEqual({ message: expect.any(String), type: "invalid_request_error", param, code: expect.any(String) });
    if (param !== null) expect(error["message"]).toContain(param);
  });
});

it.each(["{", "", "null", "[1]", '"hi"', "7", "\u0000", '{"messages":'])("a body that is no object is refused: %j", async (body) => {
  for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize", "/apply-template"]) {
    const response = await fetch(server.url + path, { method: "POST", body });
    expect([path, response.status, await response.json()]).toEqual([
      path,
      400,
      {
        error: {
          message: expect.any(String),
          type: "invalid_request_error",
          param: body.trim() === "" || !isJson(body) ? null : "body",
          code: expect.any(String),
        },
      },
    ]);
  }
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

it.each(["TRACE", "GET", "PATCH"])("%s is refused over HTTP/2 too, and told what is allowed", async (method) => {
  const session = connect(server.url);
  try {
    for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize"]) {
      const stream = session.request({ ":method": method, ":path": path });
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
      expect([headers[":status"], headers["allow"], JSON.parse(await textOf(stream))]).toEqual([
        405,
        "POST, OPTIONS",
        { error: { message: expect.stringContaining(method), type: "invalid_request_error", param: null, code: "method_not_allowed" } },
      ]);
    }
  } finally {
    session.close();
  }
});
