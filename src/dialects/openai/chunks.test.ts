import OpenAI from "openai";
import { createParser } from "eventsource-parser";
import { array, assert, asyncProperty, boolean, constantFrom, nat, oneof, record, string, type Arbitrary } from "fast-check";
import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { collect } from "../../core/collect.ts";
import { accepted, chatEvent, completed, finished, started, text } from "../../core/events.ts";
import { ChunkWriter } from "./chunks.ts";
import { chatResponseToOpenAI } from "./response.ts";

const words = string({ unit: "grapheme", maxLength: 8 });
const choice = nat(2);

/** Pieces of content in any order; calls open in the order of their index, as providers send them. */
const pieces: Arbitrary<ChatEvent[]> = array(
  oneof(
    record({ kind: constantFrom("text", "reasoning", "refusal"), choice, words: string({ unit: "grapheme", minLength: 1, maxLength: 8 }) }),
    record({ kind: constantFrom("tool"), choice, words, isNew: boolean() }),
  ),
  { maxLength: 30 },
).map((given) => {
  const calls = new Map<number, number>();
  return given.map((piece): ChatEvent => {
    if (!("isNew" in piece)) {
      if (piece.kind === "text") return text(piece.choice, piece.words);
      if (piece.kind === "refusal")
        return chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: piece.choice, text: piece.words } });
      const value = {
        $typeName: "parley.v1.ReasoningDelta" as const,
        choice: piece.choice,
        text: piece.words,
        signature: "",
        redactedData: new Uint8Array(),
      };
      return chatEvent({ case: "reasoning", value });
    }
    const last = calls.get(piece.choice);
    const isFirst = last === undefined || piece.isNew;
    const index = isFirst ? (last ?? -1) + 1 : last;
    calls.set(piece.choice, index);
    const [id, name] = isFirst ? [`call-${piece.choice}-${index}`, `tool_${index}`] : ["", ""];
    return chatEvent({
      case: "toolCall",
      value: { $typeName: "parley.v1.ToolCallDelta", choice: piece.choice, index, id, name, arguments: piece.words },
    });
  });
});

function* whole(content: readonly ChatEvent[]): Generator<ChatEvent> {
  yield accepted({ id: "chatcmpl-1", model: "m\u2028", createdMs: 1_000_000 });
  yield started("p", "m");
  yield* content;
  for (const index of [0, 1, 2]) yield finished(index, FinishReason.STOP);
  yield completed({ usage: { $typeName: "parley.v1.Usage", promptTokens: 1, completionTokens: 2, cachedTokens: 0, source: 1 } });
}

function framesOf(events: Iterable<ChatEvent>, includeUsage: boolean): string {
  const writer = new ChunkWriter({ includeUsage });
  return [...events].map((event) => writer.write(event)).join("");
}

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

describe("chunks", () => {
  it("of any answer add up in the OpenAI SDK to the whole answer", async () => {
    await assert(
      asyncProperty(pieces, boolean(), async (content, includeUsage) => {
        const frames = framesOf(whole(content), includeUsage);
        const fetch = async () => new Response(frames, { headers: { "content-type": "text/event-stream" } });
        const client = new OpenAI({ apiKey: "none", baseURL: "http://local", fetch });
        const gathered = await client.chat.completions.stream({ model: "m", messages: [] }).finalChatCompletion();
        const expected = chatResponseToOpenAI(await collect(each(whole(content)))) as OpenAI.ChatCompletion;
        const simple = ({ choices }: OpenAI.ChatCompletion) =>
          choices.map(({ index, finish_reason: reason, message }) => [
            index,
            reason,
            message.content ?? "",
            message.refusal ?? null,
            message.tool_calls?.map((call) => ("function" in call ? [call.id, call.function.name, call.function.arguments] : [])) ?? [],
          ]);
        expect(simple(gathered)).toEqual(simple(expected));
        expect(gathered.usage).toEqual(includeUsage ? expected.usage : undefined);
      }),
      { numRuns: 60 },
    );
  });

  it("keep the rules that every client tolerates", async () => {
    await assert(
      asyncProperty(pieces, boolean(), async (content, includeUsage) => {
        const frames = framesOf(whole(content), includeUsage);
        // Rule 1: one line of data a frame, whatever an implementation calls a line end.
        expect(
          frames
            .split("\n\n")
            .slice(0, -1)
            .every((frame) => /^data: [^\n\r\u0085\u2028\u2029]*$/.test(frame)),
        ).toBe(true);
        expect(frames.endsWith("data: [DONE]\n\n")).toBe(true);
        const chunks = frames
          .trim()
          .split("\n\n")
          .slice(0, -1)
          .map((frame) => JSON.parse(frame.slice(6)) as OpenAI.ChatCompletionChunk);
        expect(new Set(chunks.map(({ id, model, object, created }) => JSON.stringify([id, model, object, created]))).size).toBe(1);
        const withoutChoices = chunks.filter(({ choices }) => choices.length === 0);
        expect(withoutChoices).toHaveLength(includeUsage ? 1 : 0);
        expect(chunks.some((chunk) => "error" in chunk)).toBe(false);
        for (const index of [0, 1, 2]) {
          const own = chunks.flatMap(({ choices }) => choices).filter((found) => found.index === index);
          expect(own.map(({ delta }) => delta.role).filter(Boolean)).toEqual(["assistant"]);
          expect(own[0]?.delta.role).toBe("assistant");
          expect(own.at(-1)?.delta).toEqual({});
          const reasons = own.map(({ finish_reason: reason }) => reason).filter((reason) => reason !== null);
          const hasCalls = own.some(({ delta }) => delta.tool_calls !== undefined);
          expect(reasons).toEqual([hasCalls ? "tool_calls" : "stop"]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("are framed so that a parser finds them wherever the bytes are cut", () => {
    const frames = framesOf(whole([text(0, "Grüße\u2028🌍"), text(1, "\r\n\ndata: x")]), true);
    const bytes = new TextEncoder().encode(frames);
    const parsed = (cut: number) => {
      const found: string[] = [];
      const parser = createParser({ onEvent: ({ data }) => found.push(data) });
      const decoder = new TextDecoder();
      parser.feed(decoder.decode(bytes.slice(0, cut), { stream: true }));
      parser.feed(decoder.decode(bytes.slice(cut)));
      return found;
    };
    const all = parsed(0);
    expect(all.at(-1)).toBe("[DONE]");
    for (let cut = 1; cut <= bytes.length; cut += 1) expect(parsed(cut)).toEqual(all);
  });

  it("carry the logprobs of their tokens, and none when none were wanted", () => {
    const token = { $typeName: "parley.v1.TokenLogprob" as const, token: "é", logprob: -0.5, bytes: Uint8Array.of(195, 169), top: [] };
    const top = { $typeName: "parley.v1.TopLogprob" as const, token: "x", logprob: -Infinity, bytes: new Uint8Array() };
    const frames = framesOf(whole([text(0, "é", [{ ...token, top: [top] }])]), false);
    expect(frames).toContain(
      '"logprobs":{"content":[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[{"token":"x","logprob":-9999,"bytes":null}]}],"refusal":null}',
    );
    expect(framesOf(whole([text(0, "é")]), false)).not.toContain('"logprobs":{');
  });
});
