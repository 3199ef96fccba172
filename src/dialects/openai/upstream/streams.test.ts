import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { collect } from "../../../core/collect.ts";
import { outlineOf, textOf, valuesOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { splitEverywhere } from "../../../testing/split-frames.ts";
import { openaiDialect } from "./dialect.ts";
import type { OpenAIKind } from "./quirk-rows.ts";

// Streams as each server sends them, keep-alives and all; each is read whole, byte by byte, and cut in two at every byte.

const asked = { provider: "upstream", model: "there", isCallersKey: false };

function eventsOf(kind: OpenAIKind, name: string = kind, more: Parameters<typeof userRequest>[1] = {}): ChatEvent[] {
  const recorded = readFileSync(join(import.meta.dirname, "testdata", "streams", `${name}.sse`), "utf8");
  const dialect = openaiDialect({ kind, quirks: {} });
  const request = userRequest("Hello", { model: "there", ...more });
  return splitEverywhere(recorded, dialect.framing, () => dialect.reader(request, asked));
}

const thoughtOf = (events: readonly ChatEvent[]) =>
  valuesOf(events, "reasoning")
    .map(({ text }) => text)
    .join("");

describe("a recorded stream", () => {
  it("of OpenAI's has text, logprobs cut to what was asked, and usage with cached tokens", () => {
    const events = eventsOf("openai", "openai", { topLogprobs: 1 });
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(textOf(events)).toBe("Größe 漢😀");
    const [first, second] = valuesOf(events, "text").flatMap(({ logprobs }) => logprobs);
    expect(first).toMatchObject({ token: "Gr", logprob: -0.5, bytes: Uint8Array.of(71, 114), top: [{ token: "Gr", logprob: -0.5 }] });
    expect(second).toMatchObject({ token: "öße", top: [] });
    expect(valuesOf(events, "finished")).toMatchObject([{ choice: 0, reason: FinishReason.STOP, rawReason: "stop" }]);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({
      promptTokens: 12,
      completionTokens: 4,
      cachedTokens: 8,
      reasoningTokens: 0,
      source: UsageSource.PROVIDER,
    });
  });

  it("of OpenAI's has two calls, each with its id and name once and its arguments in pieces", () => {
    const events = eventsOf("openai", "openai-tools");
    expect(outlineOf(events)).toEqual(["started", "toolCall", "finished", "completed"]);
    expect(valuesOf(events, "toolCall").map(({ index, id, name, arguments: words }) => [index, id, name, words])).toEqual([
      [0, "call_a", "weather", ""],
      [0, "", "", '{"city":'],
      [0, "", "", '"Zürich"}'],
      [1, "call_b", "time", ""],
      [1, "", "", "{}"],
    ]);
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.TOOL_CALLS);
  });

  it("of vLLM's has thinking under its newer name, the stop text that hit, and the last of its running usages", () => {
    const events = eventsOf("vllm");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
    expect(thoughtOf(events)).toBe("Hm, naïve.");
    expect(textOf(events)).toBe("Yes 😀");
    expect(valuesOf(events, "finished")[0]).toMatchObject({ reason: FinishReason.STOP, stopSequence: "END" });
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ promptTokens: 20, completionTokens: 4 });
  });

  it("of DeepSeek's begins at its thinking, behind keep-alives and an empty delta", () => {
    const events = eventsOf("deepseek");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
    expect(thoughtOf(events)).toBe("思考");
    expect(textOf(events)).toBe("Die Größe");
    expect(valuesOf(events, "finished")[0]?.reason).toBe(FinishReason.LENGTH);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ cachedTokens: 0, reasoningTokens: 5 });
  });

  it("of OpenRouter's has each thought once, with its signature and what is hidden, and the maker's own finish reason", () => {
    const events = eventsOf("openrouter");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
    expect(thoughtOf(events)).toBe("Überlegt.");
    const thoughts = valuesOf(events, "reasoning");
    expect(thoughts.map(({ signature }) => signature)).toEqual(["", "", "c2ln", ""]);
    expect(JSON.parse(new TextDecoder().decode(thoughts[3]?.redactedData))).toMatchObject({ data: "aGlkZGVu", id: "rs_1" });
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, rawReason: "end_turn" }]);
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ cachedTokens: 3, cacheWriteTokens: 2, reasoningTokens: 7 });
  });

  it("of OpenRouter's gives back its thinking as it came, when the answer is sent again", async () => {
    const events = eventsOf("openrouter");
    const { choices } = await collect(Readable.from(events));
    const request = userRequest("", { messages: [choices[0]!.message!, ...userRequest("And?").messages] });
    const { body } = openaiDialect({ kind: "openrouter", quirks: {} }).chat(request, { isStream: false });
    expect(body?.["messages"]).toEqual([
      {
        role: "assistant",
        content: "Voilà",
        reasoning_details: [
          { type: "reasoning.text", text: "Überlegt.", signature: "c2ln" },
          { type: "reasoning.encrypted", data: "aGlkZGVu", id: "rs_1", format: "openai-responses-v1", index: 1 },
        ],
      },
      { role: "user", content: "And?" },
    ]);
  });

  it("of Hugging Face's is whole without an end mark, and its usage is estimated when it tells none", () => {
    const events = eventsOf("huggingface");
    expect(textOf(events)).toBe("Çà va");
    expect(valuesOf(events, "finished")[0]).toMatchObject({ reason: FinishReason.STOP, rawReason: "eos_token" });
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ completionTokens: 2, source: UsageSource.ESTIMATED });
  });

  it("of llama-server's begins with content that is null, and ends with where the time went", () => {
    const events = eventsOf("llama-server");
    expect(outlineOf(events)).toEqual(["started", "reasoning", "text", "finished", "completed"]);
    expect(valuesOf(events, "completed")[0]).toMatchObject({
      usage: { promptTokens: 9, completionTokens: 3, cachedTokens: 5 },
      timings: { promptMs: 31, generationMs: 61 },
    });
  });

  it("of LM Studio's repeats a call's empty name, which is told once", () => {
    const events = eventsOf("lmstudio");
    expect(valuesOf(events, "toolCall").map(({ id, name, arguments: words }) => [id, name, words])).toEqual([
      ["365174485", "look_up", ""],
      ["", "", '{"word":"Öl"}'],
    ]);
  });
});
