import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDocumentedService } from "../../../testing/documented-service.ts";
import { restDocument, type RestDocument, type RestOperation } from "../../../testing/rest-document.ts";
import type { TestServer } from "../../../testing/test-server.ts";
import { anthropicScenes, scriptedUpstreams } from "../../../testing/upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../../../testing/upstream/upstream.ts";

// What is really answered, held against what the document says of it: each status, type and key, each event of each stream. A key that the document does not tell is wrong.

let upstream: ScriptedUpstream;
let server: TestServer;
let document: RestDocument;
beforeAll(async () => {
  upstream = await startUpstream({ models: anthropicScenes });
  server = await startDocumentedService(scriptedUpstreams(upstream.url));
  document = await restDocument(server.url);
}, 60_000);
afterAll(async () => {
  await server.close();
  await upstream.close();
});

interface Asked {
  readonly path?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks, and holds the answer against the document. Resolves with its status and type. */
async function ask(asked: RestOperation, { path = asked.path, body, headers = {} }: Asked): Promise<string> {
  const { method } = asked;
  const sent = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(server.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(sent !== undefined && { body: sent }),
  });
  const answer = { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() };
  expect(response.headers.get("x-request-id")).toMatch(/^req_/);
  const problem = document.problemOf(asked, answer);
  expect(problem, `${method} ${path} ${sent?.slice(0, 300) ?? ""}: ${answer.status} ${answer.text.slice(0, 600)}`).toBeUndefined();
  return `${answer.status} ${answer.type.split(";")[0]}`;
}

function operation(name: string): RestOperation {
  const found = document.operations.find((each) => each.name === name);
  if (found === undefined) throw new Error(`the document has no ${name}`);
  return found;
}

const json = "application/json";
const stream = "text/event-stream";
const lines = "application/x-ndjson";

const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const functions = { tools: [{ type: "function", function: { name: "weather", parameters: weather } }] };
const logprobs = { logprobs: true, top_logprobs: 2 };
const options = { stream_options: { include_usage: true } };

/** What is asked of every kind of chat: models that answer, think, call tools, fail at once and fail half way. */
const models = [
  "echo",
  "openai/text",
  "anthropic/thinks",
  "ollama/thinks",
  "openai/broken",
  "anthropic/broken",
  "openai/limited",
  "ollama/invalid",
  "nobody",
];

/** A route on which chats are asked. */
interface Chat {
  readonly name: string;
  /** Type of its streams; undefined: it has none. */
  readonly streamed?: string;
  /** What makes a model call tools. */
  readonly calling?: object;
  /** What makes it tell logprobs. */
  readonly detailed?: object;
}

const chats: readonly Chat[] = [
  { name: "POST /v1/chat/completions", streamed: stream, calling: functions, detailed: { ...logprobs, ...options } },
  { name: "POST /v1/completions", streamed: stream, detailed: { logprobs: 2, echo: true, ...options } },
  {
    ...{ name: "POST /v1/responses", streamed: stream, detailed: { top_logprobs: 2 } },
    calling: { tools: [{ type: "function", name: "weather", parameters: weather }] },
  },
  { name: "POST /v1/messages", streamed: stream, calling: { tools: [{ name: "weather", input_schema: weather }] } },
  { name: "POST /api/chat", streamed: lines, calling: functions, detailed: logprobs },
  { name: "POST /api/generate", streamed: lines, detailed: logprobs },
  { name: "POST /v1/chat", streamed: stream },
  { name: "POST /chat/completions", streamed: stream, calling: functions, detailed: logprobs },
  { name: "POST /invoke" },
];

/** What else there is, and what it answers. */
const cases: Readonly<Record<string, readonly (readonly [Asked, string])[]>> = {
  "POST /v1/embeddings": [
    [{}, `200 ${json}`],
    [{ body: { model: "an-embedding-model", input: "one", encoding_format: "base64" } }, `200 ${json}`],
  ],
  "POST /v1/rerank": [[{}, `200 ${json}`]],
  "POST /v2/rerank": [[{}, `200 ${json}`]],
  "POST /rerank": [
    [{}, `200 ${json}`],
    [{ body: { model: "a-reranking-model", query: "one", documents: ["one", "two"], return_documents: true } }, `200 ${json}`],
  ],
  "POST /tokenize": [
    [{}, `200 ${json}`],
    [{ body: { model: "a-local-model", content: "é one", with_pieces: true } }, `200 ${json}`],
    [{ body: { model: "a-local-model", prompt: "one", return_token_strs: true } }, `200 ${json}`],
  ],
  "POST /detokenize": [[{}, `200 ${json}`]],
  "POST /apply-template": [[{}, `200 ${json}`]],
  "GET /v1/models": [
    [{}, `200 ${json}`],
    [{ headers: { "anthropic-version": "2023-06-01" } }, `200 ${json}`],
    [{ path: "/v1/models?limit=0", headers: { "anthropic-version": "2023-06-01" } }, `400 ${json}`],
  ],
  "GET /v1/models/{id}": [
    [{ path: "/v1/models/echo" }, `200 ${json}`],
    [{ path: "/v1/models/a-local-model", headers: { "anthropic-version": "2023-06-01" } }, `200 ${json}`],
    [{ path: "/v1/models/nobody" }, `404 ${json}`],
  ],
  "GET /v1/responses/{id}": [[{ path: "/v1/responses/resp_1" }, `404 ${json}`]],
  "POST /v1/responses/{id}": [[{ path: "/v1/responses/resp_1" }, `404 ${json}`]],
  "DELETE /v1/responses/{id}": [[{ path: "/v1/responses/resp_1" }, `404 ${json}`]],
  "POST /v1/messages/count_tokens": [
    [{}, `200 ${json}`],
    [{ body: { model: "openai/text", messages: [{ role: "user", content: "hi" }] } }, `200 ${json}`],
  ],
  "POST /api/embed": [[{}, `200 ${json}`]],
  "POST /api/embeddings": [[{}, `200 ${json}`]],
  "GET /api/tags": [[{}, `200 ${json}`]],
  "GET /api/ps": [[{}, `200 ${json}`]],
  "GET /api/version": [[{}, `200 ${json}`]],
  "POST /api/show": [
    [{}, `200 ${json}`],
    [{ body: { model: "a-local-model" } }, `200 ${json}`],
  ],
  "POST /api/pull": [
    [{ body: { model: "in-catalog" } }, `200 ${lines}`],
    [{ body: { model: "in-catalog", stream: false } }, `200 ${json}`],
    [{ body: { model: "no-such-model" } }, `404 ${json}`],
  ],
  "DELETE /api/delete": [[{ body: { model: "nobody" } }, `404 ${json}`]],
  "POST /api/create": [[{ body: {} }, `501 ${json}`]],
  "POST /api/copy": [[{ body: {} }, `501 ${json}`]],
  "POST /api/push": [[{ body: {} }, `501 ${json}`]],
  "POST /api/blobs/{id}": [[{ path: "/api/blobs/sha256:0" }, `501 ${json}`]],
  "POST /llm": [[{}, `200 ${json}`]],
  "GET /models": [[{}, `200 ${json}`]],
  "POST /setModel": [[{}, `200 ${json}`]],
  "POST /restore_cache": [[{}, `200 ${json}`]],
  "DELETE /cache": [[{}, `501 ${json}`]],
  "GET /stats": [[{}, `501 ${json}`]],
  "GET /": [[{}, `200 ${json}`]],
  "GET /providers": [[{}, `200 ${json}`]],
  "GET /health": [[{}, `200 ${json}`]],
  "GET /healthz": [[{}, `200 ${json}`]],
  "GET /livez": [[{}, `200 ${json}`]],
  "GET /readyz": [[{}, `200 ${json}`]],
  "GET /metrics": [[{}, "200 text/plain"]],
  "GET /openapi.json": [[{}, `200 ${json}`]],
  "GET /docs": [[{}, "200 text/html"]],
  "GET /docs/{id}": [
    [{ path: "/docs/page.js" }, "200 text/javascript"],
    [{ path: "/docs/page.css" }, "200 text/css"],
    [{ path: "/docs/nothing" }, `404 ${json}`],
  ],
};

describe("the document", () => {
  it("tells of no operation that is not asked here", () => {
    const asked = [...chats.map(({ name }) => name), ...Object.keys(cases)];
    expect(document.operations.map(({ name }) => name).toSorted()).toEqual(asked.toSorted());
  });

  it.each(chats)(
    "says what $name answers, whole and as a stream, well and badly",
    { timeout: 90_000 },
    async ({ name, streamed, calling, detailed }) => {
      const local = { model: "a-local-model", max_tokens: 4, max_output_tokens: 4, options: { num_predict: 4 } };
      const asked = [
        ...[...models.map((model) => ({ model })), local],
        ...(detailed === undefined ? [] : [{ ...local, ...detailed }]),
        ...(calling === undefined ? [] : ["openai", "anthropic", "ollama"].map((kind) => ({ ...calling, model: `${kind}/calls` }))),
      ];
      const wishes = streamed === undefined ? [{}] : [{ stream: false }, { stream: true }];
      const bodies = asked.flatMap((more) => wishes.map((wish) => ({ ...more, ...wish })));
      const { example } = operation(name);
      // All at once: those that fail are tried again, and wait for that.
      const answers = bodies.map((body, index) =>
        ask(operation(name), { body: { ...(example as object), request_id: `${name} ${index}`, ...body } }),
      );
      const said = new Set(await Promise.all(answers));
      expect([...said]).toEqual(
        expect.arrayContaining([
          `200 ${json}`,
          expect.stringMatching(/^4.. application\/json$/),
          ...(streamed === undefined ? [] : [`200 ${streamed}`]),
        ]),
      );
    },
  );

  it.each(Object.entries(cases))("says what %s answers", async (name, asked) => {
    const { example } = operation(name);
    for (const [each, answer] of asked) expect(await ask(operation(name), { body: example, ...each })).toBe(answer);
  });

  it("says what is answered where a body cannot be read", async () => {
    for (const each of document.operations.filter(({ body }) => body !== undefined)) {
      for (const body of ["{", "[]", "null", "", '"text"'])
        expect([each.name, body, await ask(each, { body })]).toEqual([each.name, body, `400 ${json}`]);
      expect([each.name, await ask(each, { body: "a=1", headers: { "content-type": "multipart/form-data; boundary=x" } })]).toEqual([
        each.name,
        `415 ${json}`,
      ]);
    }
  });

  it("says what is answered where a file is deleted", async () => {
    await server.server.service.models.unload("spare", new AbortController().signal);
    expect(await ask(operation("DELETE /api/delete"), { body: { model: "spare" } })).toBe("200 ");
  });
});
