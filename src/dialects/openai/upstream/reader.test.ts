import { describe, expect, it } from "vitest";
import { FinishReason } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { outlineOf, textOf, valuesOf } from "../../../testing/collect-events.ts";
import { chunk, delta, finish, frames, lanReader, read, reasonThrown } from "../../../testing/openai-chunks.ts";

describe("the start and end of an answer", () => {
  it("starts together with the first content, and not with roles or empty deltas", () => {
    const reader = lanReader();
    const told = [delta({ role: "assistant" }), delta({ content: "" }), delta({ content: null }), delta({}), delta({ content: "Hi" })];
    expect(frames(told).map((frame) => outlineOf(reader.read(frame)))).toEqual([[], [], [], [], ["started", "text"]]);
  });

  it("starts with its end when there was no content", () => {
    expect(outlineOf(read([delta({ role: "assistant", content: "" }), finish("length"), "[DONE]"]))).toEqual([
      "started",
      "finished",
      "completed",
    ]);
  });

  it("is whole with its finish reason, with or without an end mark", () => {
    expect(textOf(read([delta({ content: "Hi" }), finish()]))).toBe("Hi");
    expect(textOf(read([delta({ content: "Hi" }), finish(), "[DONE]"]))).toBe("Hi");
  });

  it("is truncated without a finish reason, and malformed when an end mark stands in its place", () => {
    expect(reasonThrown(() => read([delta({ content: "Hi" })]))).toBe("provider_truncated");
    expect(reasonThrown(() => read([]))).toBe("provider_truncated");
    expect(reasonThrown(() => read([delta({ content: "Hi" }), "[DONE]"]))).toBe("provider_malformed");
  });

  it("says that it is whole once every choice has ended", () => {
    const reader = lanReader({ choices: 2 });
    for (const frame of frames([delta({ content: "a" }), finish()])) reader.read(frame);
    expect(reader.isWhole).toBe(false);
    reader.read({ event: "", data: chunk({ index: 1, delta: { content: "b" }, finish_reason: "stop" }) });
    expect(reader.isWhole).toBe(true);
  });

  it("heeds nothing behind its end mark, and no error behind its end", () => {
    const late = ["[DONE]", delta({ content: "more" }), '{"error":{"message":"late"}}', "garbage"];
    expect(textOf(read([delta({ content: "Hi" }), finish(), ...late]))).toBe("Hi");
    expect(textOf(read([delta({ content: "Hi" }), finish(), ...late.slice(2)]))).toBe("Hi");
  });

  it("is malformed when a choice goes on that had ended, for its words would be lost", () => {
    expect(reasonThrown(() => read([finish(), delta({ content: "more" })]))).toBe("provider_malformed");
    expect(outlineOf(read([finish(), delta({ content: "" }), finish()]))).toEqual(["started", "finished", "completed"]);
  });

  it("passes over pictures and sound that are none", () => {
    expect(textOf(read([delta({ content: "Hi", images: [], audio: null }), finish()]))).toBe("Hi");
  });

  it("passes over blank frames, frames without choices, and an error that is null", () => {
    const quiet = ["", " ", '{"type":"ping"}', '{"choices":[]}', '{"choices":null,"error":null}', '{"error":{}}'];
    expect(textOf(read([...quiet, delta({ content: "Hi" }), ...quiet, finish(), "[DONE]"]))).toBe("Hi");
  });

  it.each([
    ["stop", FinishReason.STOP],
    ["eos_token", FinishReason.STOP],
    ["length", FinishReason.LENGTH],
    ["content_filter", FinishReason.CONTENT_FILTER],
    ["tool_calls", FinishReason.TOOL_CALLS],
    ["function_call", FinishReason.TOOL_CALLS],
    ["repetition", FinishReason.OTHER],
    ["constructor", FinishReason.OTHER],
  ])("ends by %s with a reason of ours and the upstream's own word", (word, reason) => {
    expect(valuesOf(read([finish(word)]), "finished")).toMatchObject([{ choice: 0, reason, rawReason: word }]);
  });

  it.each(["error", "abort", "insufficient_system_resource"])("fails when the upstream gave up, which it calls %s", (word) => {
    expect(reasonThrown(() => read([delta({ content: "Hi" }), finish(word)]))).toBe("provider_error");
  });
});

describe("what an answer says", () => {
  it("keeps choices apart, and refuses those that were not asked for", () => {
    const two = [
      chunk({ index: 1, delta: { content: "b" } }, { index: 0, delta: { content: "a" } }),
      finish(),
      chunk({ index: 1, delta: {}, finish_reason: "length" }),
    ];
    const events = read(two, { choices: 2 });
    expect([textOf(events, 0), textOf(events, 1)]).toEqual(["a", "b"]);
    for (const index of [2, -1, 0.5, "0", 1e9])
      expect(reasonThrown(() => read([chunk({ index, delta: { content: "a" } })], { choices: 2 }))).toBe("provider_malformed");
  });

  it.each([
    ["not JSON", "{"],
    ["a list", "[]"],
    ["choices that are no list", '{"choices":{}}'],
    ["a choice that is no object", '{"choices":[1]}'],
    ["content that is no text", delta({ content: 5 })],
    ["pictures", delta({ content: "", images: [{ type: "image_url", image_url: { url: "data:," } }] })],
    ["sound", delta({ audio: { id: "a", data: "" } })],
    ["a piece of an unknown type", delta({ content: [{ type: "video" }] })],
    ["a call that is no object", delta({ tool_calls: [1] })],
    ["arguments that are a list", delta({ tool_calls: [{ index: 0, function: { name: "f", arguments: [] } }] })],
  ])("refuses %s", (_, data) => {
    expect(reasonThrown(() => read([data]))).toBe("provider_malformed");
  });

  it("puts together a character whose halves came in two chunks, and never passes half of one on", () => {
    const halves = ['{"choices":[{"delta":{"content":"a\\ud83d"}}]}', '{"choices":[{"delta":{"content":"\\ude00b"}}]}', finish()];
    expect(valuesOf(read(halves), "text").map(({ text }) => text)).toEqual(["a", "😀b"]);
    expect(textOf(read([halves[0]!, finish()]))).toBe("a\ufffd");
    expect(textOf(read(['{"choices":[{"delta":{"content":"\\ude00b"}}]}', finish()]))).toBe("\ufffdb");
  });

  it("reads thinking under each of its names, and content in pieces", () => {
    for (const name of ["reasoning_content", "reasoning"])
      expect(valuesOf(read([delta({ [name]: "Hm" }), finish()]), "reasoning")).toMatchObject([{ text: "Hm" }]);
    const pieces = read([
      delta({
        content: [
          { type: "thinking", thinking: [{ type: "text", text: "Hm" }] },
          { type: "text", text: "Hi" },
        ],
      }),
      finish(),
    ]);
    expect(outlineOf(pieces)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
  });

  it("reads a refusal", () => {
    expect(valuesOf(read([delta({ refusal: "No." }), finish()]), "refusal")).toMatchObject([{ choice: 0, text: "No." }]);
  });

  it("tells tokens without text, but lets none of them start an answer", () => {
    const token = (word: string) => ({ logprobs: { content: [{ token: word, logprob: -1, bytes: null }] } });
    const reader = lanReader({ topLogprobs: 0 });
    const told = [delta({ content: "" }, token("a")), delta({ content: "é" }, token("b")), delta({ content: "" }, token("c"))];
    const events = frames(told).map((frame) => reader.read(frame));
    expect(events.map((each) => outlineOf(each))).toEqual([[], ["started", "text"], ["text"]]);
    expect(valuesOf(events.flat(), "text").map(({ logprobs }) => logprobs.map((each) => each.token))).toEqual([["a", "b"], ["c"]]);
  });

  it("reads logprobs as the older API writes them, with the most probable first", () => {
    const logprobs = { tokens: ["a", "b"], token_logprobs: [-1, -2], top_logprobs: [{ x: -3, a: -1 }, null], text_offset: [0, 1] };
    const [told] = valuesOf(read([chunk({ index: 0, text: "ab", logprobs, finish_reason: "stop" })], { topLogprobs: 2 }), "text");
    expect(told?.logprobs.map(({ token, logprob, top }) => [token, logprob, top.map((each) => each.token)])).toEqual([
      ["a", -1, ["a", "x"]],
      ["b", -2, []],
    ]);
  });

  it("heeds no logprobs that were not asked for, and refuses those it cannot read", () => {
    const broken = delta({ content: "a" }, { logprobs: { content: [{ token: 1 }] } });
    expect(textOf(read([broken, finish()]))).toBe("a");
    expect(reasonThrown(() => read([broken, finish()], { topLogprobs: 1 }))).toBe("provider_malformed");
  });

  it("estimates a usage that is absent or makes no sense", () => {
    const senseless = [
      {},
      { prompt_tokens: -1, completion_tokens: 2 },
      { prompt_tokens: 1.5, completion_tokens: 2 },
      { prompt_tokens: 1e12, completion_tokens: 1 },
      { prompt_tokens: 0, completion_tokens: 0 },
      { prompt_tokens: 7, completion_tokens: 0 },
    ];
    for (const usage of senseless) {
      const events = read([delta({ content: "12345678" }), finish(), JSON.stringify({ choices: [], usage })]);
      expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ completionTokens: 2, source: UsageSource.ESTIMATED });
    }
  });
});
