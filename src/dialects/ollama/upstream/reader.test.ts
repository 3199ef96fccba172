import { readFileSync } from "node:fs";
import { fromJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema, FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { reasonOf } from "../../../core/reasons.ts";
import { outlineOf, textOf, valuesOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { framesOf, splitEverywhere } from "../../../testing/split-frames.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { ollamaDialect } from "./dialect.ts";

const asked = { provider: "ollama", model: "llama3.2:1b", isCallersKey: false };
const request = userRequest("Hello there", { model: "llama3.2:1b" });
const dialect = ollamaDialect({ kind: "ollama", quirks: {} });
const reader = () => dialect.reader(request, asked);
const recorded = (name: string) => readFileSync(new URL(`../../testdata/ollama-${name}.ndjson`, import.meta.url), "utf8");
const read = (name: string) => splitEverywhere(recorded(name), "ndjson", reader);
const line = (data: object) => ({ event: "", data: JSON.stringify(data) });

describe("a stream of Ollama's, however its bytes are cut", () => {
  it("is its text, what it took, and where the time went", () => {
    const events = read("text");
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(valuesOf(events, "started")).toMatchObject([{ provider: "ollama", model: "llama3.2:1b" }]);
    expect(textOf(events)).toBe("Grüß dich 😀!");
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, rawReason: "stop" }]);
    expect(valuesOf(events, "completed")).toMatchObject([
      {
        usage: { promptTokens: 26, completionTokens: 4, cachedTokens: 20, source: UsageSource.PROVIDER },
        timings: { loadMs: 1, promptMs: 343, generationMs: 4536 },
      },
    ]);
  });

  it("is its thinking and its calls, with ids where the server has none", () => {
    const events = read("tools");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "toolCall", "finished", "completed"]);
    expect(valuesOf(events, "reasoning").map(({ text }) => text)).toEqual(["The weather", " is wanted."]);
    const calls = valuesOf(events, "toolCall");
    expect(calls.map(({ index, name, arguments: words }) => [index, name, words])).toEqual([
      [0, "get_weather", '{"city":"Zürich","id":12345678901234567890}'],
      [1, "get_time", "{}"],
    ]);
    expect(calls[0]?.id).toBe("call_k3q9x2");
    expect(calls[1]?.id).toMatch(/^call_1_1_[0-9a-f]{8}$/);
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.TOOL_CALLS, rawReason: "stop" }]);
  });

  it("is its logprobs, those of tokens without text too", () => {
    const events = read("logprobs");
    const [first, second] = valuesOf(events, "text");
    expect(first?.logprobs).toMatchObject([{ token: "Hi", logprob: -0.25, top: [{ token: "Hi" }, { token: "Yo", logprob: -2.5 }] }]);
    expect([...(first?.logprobs[0]?.bytes ?? [])]).toEqual([72, 105]);
    expect(second).toMatchObject({ text: "", logprobs: [{ token: "", logprob: -0.5, top: [] }] });
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.LENGTH);
  });

  it("is the completion of a raw prompt", () => {
    expect(textOf(read("raw"))).toBe(" a time");
  });

  it("fails where the server says so, after what it has said", () => {
    const failing = reader();
    const [first, second] = framesOf([new TextEncoder().encode(recorded("failed"))], "ndjson");
    expect(textOf([...failing.read(first!)])).toBe("Hi");
    expect(reasonOf(thrownBy(() => failing.read(second!)))).toBe("provider_error");
  });

  it("is cut short wherever it ends before it is done", () => {
    const frames = framesOf([new TextEncoder().encode(recorded("tools"))], "ndjson");
    for (let count = 0; count < frames.length; count++) {
      const cut = reader();
      for (const each of frames.slice(0, count)) cut.read(each);
      expect([cut.isWhole, reasonOf(thrownBy(() => cut.end()))]).toEqual([false, "provider_truncated"]);
    }
  });
});

describe("a line of Ollama's", () => {
  it.each([
    ["that is no JSON", { event: "", data: "{" }],
    ["that is a list", { event: "", data: "[]" }],
    ["whose words are a number", line({ message: { content: 7 } })],
    ["whose calls are no list", line({ message: { content: "", tool_calls: {} } })],
    ["with a call without a name", line({ message: { content: "", tool_calls: [{ function: { arguments: {} } }] } })],
    ["whose logprobs are no list", line({ message: { content: "a" }, logprobs: 1 })],
    ["with a logprob without a token", line({ message: { content: "a" }, logprobs: [{}] })],
  ])("%s is refused as malformed", (_, broken) => {
    expect(reasonOf(thrownBy(() => reader().read(broken)))).toBe("provider_malformed");
  });

  it("after the end breaks nothing", () => {
    const whole = reader();
    expect(outlineOf([...whole.read(line({ message: { content: "a" }, done: true, done_reason: "stop" }))])).toEqual([
      "started",
      "text",
      "finished",
    ]);
    expect([...whole.read({ event: "", data: "{" }), ...whole.read(line({ error: "x" }))]).toEqual([]);
    expect(whole.isWhole).toBe(true);
  });

  it("that is done without words is an answer all the same", () => {
    const events = dialect.whole({ message: { role: "assistant", content: "" }, done: true, done_reason: "stop" }, request, asked);
    expect(outlineOf(events)).toEqual(["started", "finished", "completed"]);
  });

  it("says why it is done in words that may be new or missing", () => {
    const reasonFor = (done_reason?: string) =>
      valuesOf(dialect.whole({ message: { content: "a" }, done: true, done_reason }, request, asked), "finished")[0]?.reason;
    expect([reasonFor("stop"), reasonFor("length"), reasonFor("unload"), reasonFor()]).toEqual([
      FinishReason.STOP,
      FinishReason.LENGTH,
      FinishReason.OTHER,
      FinishReason.STOP,
    ]);
  });
});

describe("an answer of Ollama's", () => {
  it("to a prompt that the server has cut is refused: it fills the context that was asked for", () => {
    const done = (prompt_eval_count: number) =>
      line({ message: { content: "" }, done: true, done_reason: "stop", prompt_eval_count, eval_count: 1 });
    expect(reasonOf(thrownBy(() => reader().read(done(8192))))).toBe("context_length_exceeded");
    expect(outlineOf([...reader().read(done(8191))])).toEqual(["started", "finished"]);
    const unasked = ollamaDialect({ kind: "ollama", quirks: { numCtx: "server" } });
    expect(outlineOf([...unasked.reader(request, asked).read(done(8192))])).toEqual(["started", "finished"]);
  });

  it("has an estimated usage where the server counts nothing", () => {
    const events = dialect.whole({ message: { content: "12345678" }, done: true }, request, asked);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ promptTokens: 7, completionTokens: 2, source: UsageSource.ESTIMATED });
  });

  it("gives calls other ids in each turn, and the same whenever it is read again", () => {
    const body = { message: { content: "", tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }] }, done: true };
    const idIn = (turns: number) => {
      const messages = Array.from({ length: turns }, () => ({ role: "ROLE_USER", parts: [{ text: { text: "x" } }] }));
      return valuesOf(dialect.whole(body, fromJson(ChatRequestSchema, { messages }), asked), "toolCall")[0]?.id;
    };
    expect(idIn(1)).toBe(idIn(1));
    expect(idIn(3)).not.toBe(idIn(1));
  });

  it.each([
    ["an error in a success", { error: "model runner has unexpectedly stopped" }, "provider_error"],
    ["what is not done", { message: { content: "a" }, done: false }, "provider_truncated"],
    ["no object", [], "provider_malformed"],
  ])("that came whole and is %s is refused", (_, body, reason) => {
    expect(reasonOf(thrownBy(() => dialect.whole(body, request, asked)))).toBe(reason);
  });
});
