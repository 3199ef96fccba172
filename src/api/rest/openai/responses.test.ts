import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { accepted, finished, started, text } from "../../../core/events.ts";
import { done, openDoors, type TestDoors } from "../../../testing/test-doors.ts";
import { fakeClock } from "../../../testing/fake-clock.ts";

const clock = fakeClock();
let wake = () => {};
const slow = new Promise<void>((resolve) => (wake = resolve));

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(
    async function* said({ model }) {
      yield accepted({ id: "chatcmpl-1", model, createdMs: 1_700_000_000_000 });
      if (model === "slow") await slow;
      yield started("test", model);
      yield text(0, "hi");
      yield finished(0, FinishReason.STOP);
      yield done(1);
    },
    { clock },
  );
});
afterAll(() => doors.close());

async function ask(body: string, init: RequestInit = {}) {
  const response = await fetch(`${doors.url}/v1/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    ...init,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe("POST /v1/responses", () => {
  it("answers with every key that may be null, none that may not without a value, and says in headers who served it", async () => {
    const { status, headers, text: body } = await ask(JSON.stringify({ model: "tiny", input: "x" }));
    const message = {
      id: "msg_10000",
      type: "message",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text: "hi", annotations: [], logprobs: [] }],
      phase: null,
    };
    expect([status, headers.get("x-parley-provider"), headers.get("x-request-id")]).toEqual([200, "test", expect.stringMatching(/^req_/)]);
    expect(JSON.parse(body)).toEqual({
      ...{ id: "resp_1", object: "response", created_at: 1_700_000_000, completed_at: null, status: "completed", model: "tiny" },
      ...{ background: false, store: false, truncation: "disabled", error: null, incomplete_details: null, service_tier: null },
      ...{ access_programs: null, conversation: null, moderation: null },
      ...{ previous_response_id: null, prompt: null, metadata: {} },
      ...{ temperature: null, top_p: null, presence_penalty: null, frequency_penalty: null, top_logprobs: 0, instructions: null },
      ...{ max_output_tokens: null, max_tool_calls: null, parallel_tool_calls: true, tool_choice: "auto", tools: [] },
      ...{ prompt_cache_key: null, prompt_cache_retention: null, safety_identifier: null },
      reasoning: { effort: null, summary: null, generate_summary: null, context: null, mode: "standard" },
      text: { format: { type: "text" }, verbosity: "medium" },
      output: [message],
      output_text: "hi",
      usage: {
        ...{ input_tokens: 3, output_tokens: 1, total_tokens: 4, output_tokens_details: { reasoning_tokens: 0 } },
        input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      },
    });
  });

  it.each<[string, string, string | null, string]>([
    ["no JSON", "{", null, "malformed_body"],
    ["no object", "[]", "body", "invalid_value"],
    ["no model", '{"input":"x"}', "model", "invalid_value"],
    ["no input", '{"model":"m"}', "input", "invalid_value"],
    ["empty input", '{"model":"m","input":[]}', "input", "invalid_value"],
    ["an unknown item", '{"model":"m","input":[{"type":"dance"}]}', "input[0].type", "unsupported_parameter"],
    ["a wrong field in a stream", '{"model":"m","input":"x","stream":true,"temperature":"hot"}', "temperature", "invalid_value"],
    [
      "an earlier response in a stream",
      '{"model":"m","input":"x","stream":true,"previous_response_id":"r"}',
      "previous_response_id",
      "unsupported_parameter",
    ],
  ])("refuses %s with JSON in OpenAI's envelope", async (_name, body, ...named) => {
    const { status, headers, text: answer } = await ask(body);
    const [param, code] = named;
    expect([status, headers.get("content-type")]).toEqual([400, "application/json"]);
    expect(JSON.parse(answer)).toEqual({ error: { message: expect.any(String), type: "invalid_request_error", param, code } });
  });

  it("streams events with their names, then who served them and no end mark", async () => {
    const { headers, text: body } = await ask(JSON.stringify({ model: "tiny", input: "x", stream: true }));
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(body).toMatch(/^event: response\.created\ndata: \{"type":"response\.created",/u);
    expect(body).toContain(": parley-served x-parley-provider=test");
    expect(body.split("\n\n").at(-2)).toMatch(/^event: response\.completed\n/u);
    expect(body).not.toContain("[DONE]");
  });

  it("sends signs of life that are comments while nothing is said", async () => {
    const response = await fetch(`${doors.url}/v1/responses`, {
      method: "POST",
      body: JSON.stringify({ model: "slow", input: "x", stream: true }),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    clock.advance(15_000);
    expect((await reader?.read())?.value).toBe(": keep-alive\n\n");
    wake();
    expect((await reader?.read())?.value).toContain("event: response.created");
    await reader?.cancel();
  });

  it("takes no other method", async () => {
    const response = await fetch(`${doors.url}/v1/responses`);
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });

  it.each(["GET", "DELETE", "POST"])("keeps nothing that could be asked for by %s", async (method) => {
    const response = await fetch(`${doors.url}/v1/responses/resp_1`, { method });
    expect([response.status, response.headers.get("x-should-retry")]).toEqual([404, "false"]);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining("nothing between calls"), type: "invalid_request_error" },
    });
  });
});
