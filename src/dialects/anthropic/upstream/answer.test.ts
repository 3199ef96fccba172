import { describe, expect, it } from "vitest";
import { FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { reasonOf } from "../../../core/reasons.ts";
import { outlineOf, valuesOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { anthropicDialect } from "./dialect.ts";

const asked = { provider: "claude", model: "claude-sonnet-4-5", isCallersKey: false };
const request = userRequest("Hello there", { model: "claude-sonnet-4-5" });
const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });
const reader = () => dialect.reader(request, asked);
const frame = (data: object) => ({ event: "", data: JSON.stringify(data) });

describe("what Anthropic says of the end", () => {
  it.each([
    ["end_turn", FinishReason.STOP],
    ["stop_sequence", FinishReason.STOP],
    ["max_tokens", FinishReason.LENGTH],
    ["model_context_window_exceeded", FinishReason.LENGTH],
    ["tool_use", FinishReason.TOOL_CALLS],
    ["refusal", FinishReason.CONTENT_FILTER],
    ["pause_turn", FinishReason.OTHER],
    ["something_new", FinishReason.OTHER],
  ])("%s is kept beside our own reason", (word, reason) => {
    const body = { content: [{ type: "text", text: "a" }], stop_reason: word, usage: { input_tokens: 1, output_tokens: 1 } };
    expect(valuesOf(dialect.whole(body, request, asked), "finished")).toMatchObject([{ reason, rawReason: word }]);
  });
});

describe("what an answer of Anthropic's took", () => {
  const usageOf = (...usages: readonly object[]) => {
    const counted = reader();
    for (const usage of usages.slice(0, -1)) counted.read(frame({ type: "message_start", message: { usage } }));
    counted.read(frame({ type: "content_block_start", index: 0, content_block: { type: "text", text: "12345678" } }));
    counted.read(frame({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: usages.at(-1) }));
    return valuesOf(counted.end(), "completed")[0]?.usage;
  };

  it("is told by totals, of which the last holds", () => {
    expect(usageOf({ input_tokens: 0, output_tokens: 1 }, { input_tokens: 7, output_tokens: 3 })).toMatchObject({
      promptTokens: 7,
      completionTokens: 3,
    });
    expect(usageOf({ input_tokens: 5, output_tokens: 1 }, { input_tokens: null, output_tokens: 3 })).toMatchObject({
      promptTokens: 5,
      completionTokens: 3,
    });
  });

  it("is estimated where it is not told, or not so that it could be true", () => {
    const estimated = { promptTokens: 7, completionTokens: 2, source: UsageSource.ESTIMATED };
    for (const usage of [{}, { input_tokens: -1 }, { input_tokens: "5" }, { input_tokens: 1e300 }, { input_tokens: 0.5 }])
      expect(usageOf(usage, {})).toMatchObject(estimated);
    expect(usageOf({ input_tokens: 0, output_tokens: 0 }, { output_tokens: 0 })).toMatchObject(estimated);
    expect(usageOf({ input_tokens: 0 }, { output_tokens: 9 })).toMatchObject({
      promptTokens: 7,
      completionTokens: 9,
      source: UsageSource.ESTIMATED,
    });
  });
});

describe("an answer of Anthropic's that came whole", () => {
  it("is the events of a stream", () => {
    const body = {
      type: "message",
      content: [
        { type: "redacted_thinking", data: "x" },
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "text", text: "a", citations: null },
        { type: "tool_use", id: "t", name: "f", input: { a: [1] } },
        { type: "tool_use", id: "u", name: "g", input: {} },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 2, cache_read_input_tokens: null },
    };
    const events = dialect.whole(body, request, asked);
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "toolCall", "finished", "completed"]);
    const calls = valuesOf(events, "toolCall");
    expect(calls.map(({ index, id, arguments: words }) => [index, id, words])).toEqual([
      [0, "t", ""],
      [0, "", '{"a":[1]}'],
      [1, "u", ""],
      [1, "", "{}"],
    ]);
  });

  it.each([
    ["no object", [], "provider_malformed"],
    ["without content", { stop_reason: "end_turn" }, "provider_malformed"],
    ["without a reason", { content: [], stop_reason: null }, "provider_malformed"],
    ["an error in a success", { type: "error", error: { type: "overloaded_error" } }, "provider_unavailable"],
  ])("%s is refused", (_, body, reason) => {
    expect(reasonOf(thrownBy(() => dialect.whole(body, request, asked)))).toBe(reason);
  });
});
