import { expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { accepted, finished, started, text } from "../../../core/events.ts";
import type { CompletionChunk } from "../wire/completions.ts";
import { CompletionWriter } from "./chunks.ts";

const begin = [accepted({ id: "chatcmpl-1", model: "m", createdMs: 5000 }), started("p", "m")];
const token = (word: string) => ({
  $typeName: "parley.v1.TokenLogprob" as const,
  token: word,
  logprob: -1,
  bytes: new Uint8Array(),
  top: [],
});
const end: ChatEvent = {
  $typeName: "parley.v1.ChatEvent",
  sequence: 0,
  event: { case: "completed", value: { $typeName: "parley.v1.Completed" } },
};

function chunksOf(writer: CompletionWriter, events: readonly ChatEvent[]): CompletionChunk[] {
  const frames = events.map((event) => writer.write(event)).join("");
  const data = frames.split("\n").flatMap((line) => (line.startsWith("data: {") ? [line.slice("data: ".length)] : []));
  return data.map((json) => JSON.parse(json) as CompletionChunk);
}

it("characters before a token are those of all text before it, in code points and by choice, also of text that came without probabilities", () => {
  const writer = new CompletionWriter({ includeUsage: false, tellsLogprobs: true });
  const events = [...begin, text(0, "a😀"), text(1, "b", [token("b")]), text(0, "cd", [token("c"), token("d")])];
  const offsets = chunksOf(writer, events).map(({ choices: [choice] }) => choice?.logprobs?.text_offset ?? null);
  expect(offsets).toEqual([null, [0], [2, 3]]);
});

it("text is not counted where no probabilities are told", () => {
  const writer = new CompletionWriter({ includeUsage: false, tellsLogprobs: false });
  chunksOf(writer, begin);
  // Counting goes through its characters one by one.
  const uncountable: unknown = Object.defineProperty(Object("long") as object, Symbol.iterator, { value: undefined });
  expect(() => writer.write(text(0, uncountable as string))).not.toThrow();
});

it("every chunk has the head that the answer began with, and a place for usage where that was asked for", () => {
  const head = { id: "cmpl-1", object: "text_completion", created: 5, model: "m", system_fingerprint: expect.any(String) as unknown };
  for (const includeUsage of [true, false]) {
    const writer = new CompletionWriter({ includeUsage, tellsLogprobs: false });
    const chunks = chunksOf(writer, [...begin, text(0, "line\u2028end"), finished(0, FinishReason.LENGTH), end]);
    const told = includeUsage ? { ...head, usage: null } : head;
    expect(chunks).toEqual([
      { ...told, choices: [{ text: "line\u2028end", index: 0, logprobs: null, finish_reason: null }] },
      { ...told, choices: [{ text: "", index: 0, logprobs: null, finish_reason: "length" }] },
      ...(includeUsage ? [{ ...told, choices: [] }] : []),
    ]);
    expect(writer.isDone).toBe(true);
  }
});
