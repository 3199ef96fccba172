import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { reasonOf } from "../../../core/reasons.ts";
import { outlineOf, textOf, valuesOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { framesOf, readAll, splitEverywhere } from "../../../testing/split-frames.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { anthropicDialect } from "./dialect.ts";

const asked = { provider: "claude", model: "claude-sonnet-4-5", isCallersKey: false };
const request = userRequest("Hello there", { model: "claude-sonnet-4-5" });
const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });
const reader = () => dialect.reader(request, asked);
const recorded = (name: string) => readFileSync(new URL(`../../testdata/anthropic-${name}.sse`, import.meta.url), "utf8");
const read = (name: string) => splitEverywhere(recorded(name), "sse", reader);
const frame = (data: object, event = "") => ({ event, data: JSON.stringify(data) });

describe("a stream of Anthropic's, however its bytes are cut", () => {
  it("is its text, and what it took", () => {
    const events = read("text");
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(valuesOf(events, "started")).toMatchObject([{ provider: "claude", model: "claude-sonnet-4-5" }]);
    expect(textOf(events)).toBe("Grüß dich 😀!");
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, rawReason: "end_turn" }]);
    expect(valuesOf(events, "completed")[0]?.usage).toEqual({
      $typeName: "parley.v1.Usage",
      promptTokens: 25,
      completionTokens: 15,
      cachedTokens: 0,
      cacheWriteTokens: 0,
      source: UsageSource.PROVIDER,
    });
  });

  it("is its calls side by side, each with its own place, and all of the prompt's tokens", () => {
    const events = read("tools");
    expect(outlineOf(events)).toEqual(["started", "text", "toolCall", "finished", "completed"]);
    const calls = valuesOf(events, "toolCall");
    expect(calls.map(({ index, id, name }) => [index, id, name]).filter(([, id]) => id !== "")).toEqual([
      [0, "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "get_weather"],
      [1, "toolu_02", "get_time"],
    ]);
    const said = (index: number) => calls.flatMap((call) => (call.index === index ? [call.arguments] : [])).join("");
    expect([said(0), said(1)]).toEqual(['{"location": "Zürich", "id": 12345678901234567890}', "{}"]);
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.TOOL_CALLS);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({
      promptTokens: 1536,
      cachedTokens: 1000,
      cacheWriteTokens: 64,
      completionTokens: 89,
    });
  });

  it("is its thinking with the signature, and what it hides, untouched", () => {
    const events = read("thinking");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
    const thoughts = valuesOf(events, "reasoning");
    expect(new TextDecoder().decode(thoughts[0]?.redactedData)).toBe("EmwKAhgBEgy3va3pzix/LafPsn4=");
    expect(thoughts.map(({ text }) => text).join("")).toBe("27 times 453 is 12231.");
    expect(thoughts.at(-1)?.signature).toBe("EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk=");
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, stopSequence: "END" }]);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ promptTokens: 40, completionTokens: 60, reasoningTokens: 48 });
  });

  it("is a refusal in the words that explain it", () => {
    const events = read("refusal");
    expect(outlineOf(events)).toEqual(["started", "refusal", "finished", "completed"]);
    expect(valuesOf(events, "refusal")[0]?.text).toBe("This cannot be answered.");
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.CONTENT_FILTER, rawReason: "refusal" }]);
  });

  it("fails where the upstream says so, after what it has said", () => {
    const told: string[] = [];
    const failing = reader();
    const error = thrownBy(() => {
      for (const each of framesOf([new TextEncoder().encode(recorded("overloaded"))], "sse")) told.push(textOf(failing.read(each)));
    });
    expect([told.join(""), reasonOf(error)]).toEqual(["Hello", "provider_unavailable"]);
  });

  it("is cut short wherever it ends before its reason, and whole from there on", () => {
    const frames = framesOf([new TextEncoder().encode(recorded("tools"))], "sse");
    const outcomes = frames.map((_, count) => {
      const cut = reader();
      for (const each of frames.slice(0, count)) cut.read(each);
      return cut.isWhole ? outlineOf([...cut.end()]).join() : reasonOf(thrownBy(() => cut.end()));
    });
    expect(new Set(outcomes.slice(0, -1))).toEqual(new Set(["provider_truncated"]));
    expect(outcomes.at(-1)).toBe("completed");
    expect(outlineOf(readAll(reader(), frames.slice(0, -1))).at(-1)).toBe("completed");
  });
});

describe("a frame of Anthropic's", () => {
  const start = frame({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
  const words = (text: unknown) => frame({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });

  it("is what its data say, with or without an event's name", () => {
    const bare = reader();
    bare.read(start);
    expect(outlineOf([...bare.read(words("a")), ...bare.read({ ...words("b"), event: "other" })])).toEqual(["started", "text"]);
    expect(bare.read({ event: "ping", data: "" })).toEqual([]);
    expect(bare.read({ event: "", data: '{"type":"something_new","a":1}' })).toEqual([]);
    expect(reasonOf(thrownBy(() => bare.read({ event: "error", data: '{"error":{"type":"rate_limit_error"}}' })))).toBe(
      "provider_rate_limited",
    );
  });

  it.each([
    ["that is no JSON", { event: "content_block_delta", data: "{" }],
    ["that is a list", { event: "content_block_delta", data: "[]" }],
    ["of a block that was not begun", frame({ type: "content_block_delta", index: 7, delta: { type: "text_delta", text: "a" } })],
    ["without a delta", frame({ type: "content_block_delta", index: 0 })],
    ["whose text is a number", words(7)],
    ["with arguments for a text", frame({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{" } })],
    ["that begins a tool of the server's", frame({ type: "content_block_start", index: 1, content_block: { type: "server_tool_use" } })],
    ["that begins a call without a name", frame({ type: "content_block_start", index: 1, content_block: { type: "tool_use", id: "a" } })],
  ])("%s is refused as malformed", (_, broken) => {
    const open = reader();
    open.read(start);
    expect(reasonOf(thrownBy(() => open.read(broken)))).toBe("provider_malformed");
  });

  it("after the end breaks nothing", () => {
    const whole = reader();
    whole.read(start);
    whole.read(words("a"));
    expect(outlineOf([...whole.read(frame({ type: "message_delta", delta: { stop_reason: "end_turn" } }))])).toEqual(["finished"]);
    expect([
      ...whole.read(words("b")),
      ...whole.read(frame({ type: "error", error: {} })),
      ...whole.read({ event: "", data: "x" }),
    ]).toEqual([]);
    expect(outlineOf([...whole.end()])).toEqual(["completed"]);
  });

  it("with a signature alone does not settle who serves", () => {
    const signed = reader();
    signed.read(frame({ type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } }));
    expect(signed.read(frame({ type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "s" } }))).toEqual([]);
    signed.read({ ...start, data: start.data.replace("0", "1") });
    const first = signed.read({ ...words("a"), data: words("a").data.replace("0", "1") });
    expect(outlineOf([...first])).toEqual(["started", "reasoning", "text"]);
  });
});
