import { describe, expect, it } from "vitest";
import { outlineOf } from "../../../testing/collect-events.ts";
import { delta, lanReader, read, readWhole, reasonThrown } from "../../../testing/openai-chunks.ts";

describe("an answer that came whole", () => {
  it("has the events of a stream, in its order", () => {
    const message = {
      role: "assistant",
      content: "Hi",
      reasoning_content: "Hm",
      tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
    };
    const events = readWhole({
      choices: [{ index: 0, message, finish_reason: "tool_calls" }],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
    });
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "toolCall", "finished", "completed"]);
  });

  it.each([
    ["no object", []],
    ["no choices", { choices: [] }],
    ["a choice that does not say why it ended", { choices: [{ index: 0, message: { content: "Hi" }, finish_reason: null }] }],
  ])("is malformed with %s", (_, body) => {
    expect(reasonThrown(() => readWhole(body))).toBe("provider_malformed");
  });

  it("is malformed when the upstream gave fewer choices than were asked for", () => {
    const one = { choices: [{ index: 0, message: { content: "Hi" }, finish_reason: "stop" }] };
    expect(reasonThrown(() => readWhole(one, { choices: 2 }))).toBe("provider_malformed");
  });
});

describe("an error inside a success", () => {
  it.each([
    ["OpenAI's", '{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}', "provider_error"],
    ["vLLM's, with a number for its code", '{"error":{"message":"busy","type":"ServiceUnavailable","code":503}}', "provider_unavailable"],
    ["an older vLLM's", '{"object":"error","message":"bad","type":"BadRequestError","code":400}', "invalid_request"],
    [
      "OpenRouter's beside an empty choice",
      '{"error":{"code":429,"message":"Rate limited"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}',
      "provider_rate_limited",
    ],
    [
      "OpenRouter's inside a choice",
      '{"choices":[{"index":0,"error":{"code":502,"message":"Upstream"},"delta":{},"finish_reason":"error"}]}',
      "provider_error",
    ],
    ["Hugging Face's", '{"error":"Model is overloaded","error_type":"overloaded"}', "provider_unavailable"],
    ["LM Studio's", '{"error":"Unexpected endpoint or method. (POST /chat/completions)"}', "provider_malformed"],
    [
      "OpenAI's for a quota",
      '{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}',
      "provider_rate_limited",
    ],
  ])("%s is an error, in a stream and whole", (_, data, reason) => {
    expect(reasonThrown(() => read([delta({ content: "Hi" }), data]))).toBe(reason);
    expect(reasonThrown(() => readWhole(JSON.parse(data)))).toBe(reason);
  });

  it("is one by the event's name too, whatever it says", () => {
    const reader = lanReader();
    for (const data of ['{"message":"oops"}', "oops", '{"error":{"message":"x","code":500}}'])
      expect(reasonThrown(() => reader.read({ event: "error", data }))).toBe("provider_error");
  });
});
