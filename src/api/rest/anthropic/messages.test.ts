import { connect } from "node:http2";
import { text as textOf } from "node:stream/consumers";
import { Value } from "typebox/value";
import { afterEach, describe, expect, it } from "vitest";
import { accepted, started, text } from "../../../core/events.ts";
import { fault } from "../../../core/reasons.ts";
import { ErrorBody } from "../../../dialects/anthropic/wire/errors.ts";
import { MessageEvent } from "../../../dialects/anthropic/wire/events.ts";
import { Message } from "../../../dialects/anthropic/wire/message.ts";
import { ModelInfo, ModelPage } from "../../../dialects/anthropic/wire/models.ts";
import { fakeClock } from "../../../testing/fake-clock.ts";
import { rawClient } from "../../../testing/raw-client.ts";
import { failing, openDoors, saying, type TestDoors } from "../../../testing/test-doors.ts";

let doors: TestDoors;
afterEach(() => doors.close());

const question = { model: "tiny", max_tokens: 5, messages: [{ role: "user", content: "hello" }] };
const json = { "content-type": "application/json" };

function ask(body: object, { path = "/v1/messages", headers = {} }: { path?: string; headers?: Record<string, string> } = {}) {
  return fetch(doors.url + path, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify({ ...question, ...body }) });
}

/** The events of a stream: the name of each frame, and its data. */
function eventsIn(frames: string): readonly (readonly [name: string, data: unknown])[] {
  const told = frames.split("\n\n").filter((frame) => frame !== "" && !frame.startsWith(":"));
  return told.map((frame) => {
    const [, name = "", data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(frame) ?? [];
    return [name, JSON.parse(data)] as const;
  });
}

describe("POST /v1/messages", () => {
  it("answers with every key that Anthropic publishes, and says who served", async () => {
    doors = await openDoors(saying("hi"));
    const response = await ask({});
    const body: unknown = await response.json();
    expect(body).toEqual({
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "tiny",
      content: [{ type: "text", text: "hi", citations: null }],
      stop_reason: "end_turn",
      stop_sequence: null,
      stop_details: null,
      container: null,
      diagnostics: null,
      usage: {
        input_tokens: 3,
        cache_creation_input_tokens: null,
        cache_read_input_tokens: null,
        cache_creation: null,
        output_tokens: 1,
        output_tokens_details: null,
        server_tool_use: null,
        service_tier: null,
        inference_geo: null,
        speed: null,
      },
    });
    expect(Value.Check(Message, body)).toBe(true);
    expect(response.headers.get("request-id")).toBe(response.headers.get("x-request-id"));
    expect(response.headers.get("x-parley-provider")).toBe("test");
  });

  it("streams events that have their name before the data and in them", async () => {
    doors = await openDoors(saying("Hal", "lo"));
    const response = await ask({ stream: true });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "request-id": expect.stringMatching(/^req_/) as string,
    });
    const events = eventsIn(await response.text());
    for (const [name, data] of events) expect([Value.Check(MessageEvent, data), data]).toMatchObject([true, { type: name }]);
    const deltas = ["content_block_delta", "content_block_delta"];
    expect(events.map(([name]) => name)).toEqual([
      "message_start",
      "content_block_start",
      ...deltas,
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(events.at(-2)?.[1]).toMatchObject({ usage: { input_tokens: 3, output_tokens: 2 } });
  });

  it.each<[string, string, Record<string, string>]>([
    ["no version", "/v1/messages", {}],
    ["the older version", "/v1/messages", { "anthropic-version": "2023-06-01" }],
    ["the newer version", "/v1/messages", { "anthropic-version": "2026-10-21" }],
    ["a version to come, and betas", "/v1/messages?beta=true", { "anthropic-version": "2030-01-01", "anthropic-beta": "a-2030-01-01,b" }],
  ])("takes %s", async (_name, path, headers) => {
    doors = await openDoors(saying("hi"));
    expect(await (await ask({ temperature: 1 }, { path, headers })).json()).toMatchObject({ type: "message" });
    expect(doors.requests[0]?.sampling?.temperature).toBe(1);
  });

  it("answers a bad request for a stream with JSON, in Anthropic's words", async () => {
    doors = await openDoors(saying("hi"));
    const response = await ask({ stream: true, messages: [] });
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/json"]);
    const body = (await response.json()) as ErrorBody;
    expect(body).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "messages: is empty: at least one message is needed" },
      request_id: response.headers.get("request-id"),
    });
    expect(Value.Check(ErrorBody, body)).toBe(true);
  });

  it("says with Anthropic's status that it is overloaded, and when to come again", async () => {
    doors = await openDoors(failing(fault("queue_full", "the queue is full", { retryAfterMs: 1500 })));
    const response = await ask({});
    expect([response.status, response.headers.get("retry-after"), response.headers.get("x-should-retry")]).toEqual([529, "2", "true"]);
    expect(await response.json()).toMatchObject({ error: { type: "overloaded_error" } });
  });

  it("ends a stream that fails with an event of the error, and no end of the message", async () => {
    doors = await openDoors(async function* broken() {
      yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
      yield started("test", "tiny");
      yield text(0, "Hal");
      throw fault("provider_truncated", "test ended too early");
    });
    const response = await ask({ stream: true });
    const events = eventsIn(await response.text());
    expect(events.map(([name]) => name)).toEqual(["message_start", "content_block_start", "content_block_delta", "error"]);
    expect(events.at(-1)?.[1]).toEqual({
      type: "error",
      error: { type: "api_error", message: "test ended too early" },
      request_id: response.headers.get("request-id"),
    });
  });

  it("sends pings while there is nothing to say", async () => {
    const clock = fakeClock();
    doors = await openDoors(
      async function* silent(_request, { signal }) {
        yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      { clock, limits: { keepAliveMs: 1000, bodyMs: 3_600_000 } },
    );
    const body = JSON.stringify({ ...question, stream: true });
    const client = await rawClient(doors.url);
    client.send(`POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await client.until(/\r\n\r\n/)).not.toContain("event:");
    clock.advance(1000);
    await client.until(/event: ping\ndata: \{"type": "ping"\}\n\n/);
  });

  it("streams over HTTP/2", async () => {
    doors = await openDoors(saying("hi"));
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/v1/messages?beta=true", ...json });
    stream.end(JSON.stringify({ ...question, stream: true }));
    const events = eventsIn(await textOf(stream));
    expect(events.at(-1)).toEqual(["message_stop", { type: "message_stop" }]);
    session.destroy();
  });
});

describe("POST /v1/messages/count_tokens", () => {
  it("says how long a prompt is, without a limit for an answer", async () => {
    doors = await openDoors(saying("hi"));
    const response = await ask({ max_tokens: undefined }, { path: "/v1/messages/count_tokens" });
    expect([response.status, await response.json()]).toEqual([200, { input_tokens: 7 }]);
    expect(response.headers.get("request-id")).toMatch(/^req_/);
  });
});

describe("GET /v1/models", () => {
  const version = { headers: { "anthropic-version": "2023-06-01" } };

  it("is answered as Anthropic does where its clients ask, and as OpenAI does to all others", async () => {
    doors = await openDoors(saying("hi"));
    const page: unknown = await (await fetch(`${doors.url}/v1/models?limit=2`, version)).json();
    expect(page).toMatchObject({ data: [{ type: "model" }, { type: "model" }], has_more: true, last_id: "tiny" });
    expect([Value.Check(ModelPage, page)]).toEqual([true]);
    expect(await (await fetch(`${doors.url}/v1/models`)).json()).toMatchObject({ object: "list" });
    const one: unknown = await (await fetch(`${doors.url}/v1/models/org%2Fbig:7b`, version)).json();
    expect([one, Value.Check(ModelInfo, one)]).toMatchObject([{ id: "org/big:7b", max_input_tokens: 2048 }, true]);
  });

  it.each([
    ["?after_id=tiny", ["tiny-2"], false],
    ["?before_id=tiny", ["org/big:7b"], false],
    ["?before_id=tiny-2&limit=1", ["tiny"], true],
    ["", ["org/big:7b", "tiny", "tiny-2"], false],
  ])("goes through the pages with %s", async (query, ids, isMore) => {
    doors = await openDoors(saying("hi"));
    const page = (await (await fetch(`${doors.url}/v1/models${query}`, version)).json()) as ModelPage;
    expect([page.data.map(({ id }) => id), page.has_more, page.first_id, page.last_id]).toEqual([ids, isMore, ids[0], ids.at(-1)]);
  });

  it.each([
    ["limit", "?limit=0"],
    ["limit", "?limit=1001"],
    ["limit", "?limit=x"],
    ["after_id", "?after_id=nobody"],
    ["before_id", "?before_id=nobody"],
    ["after_id", "?after_id=tiny&before_id=tiny"],
  ])("refuses a wrong %s in Anthropic's words", async (field, query) => {
    doors = await openDoors(saying("hi"));
    const response = await fetch(`${doors.url}/v1/models${query}`, version);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringMatching(new RegExp(`^${field}: `)) as string } });
  });

  it("tells Anthropic's clients of a model that is not there in their words", async () => {
    doors = await openDoors(saying("hi"));
    const response = await fetch(`${doors.url}/v1/models/nobody`, version);
    expect([response.status, response.headers.get("request-id")]).toEqual([404, response.headers.get("x-request-id")]);
    expect(await response.json()).toMatchObject({ type: "error", error: { type: "not_found_error" } });
  });
});
