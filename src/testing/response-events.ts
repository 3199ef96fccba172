import { Check, Errors } from "typebox/value";
import { expect } from "vitest";
import { FinishReason, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { accepted, chatEvent, completed, finished, started, toolCall } from "../core/events.ts";
import { responseRequestFromOpenAI } from "../dialects/openai/responses/request.ts";
import { ResponseEvent } from "../dialects/openai/responses/wire/events.ts";
import { ResponseWriter } from "../dialects/openai/responses/writer.ts";

/** A small body of `/v1/responses`, read. */
export const asked = (more: object = {}) => responseRequestFromOpenAI({ model: "m", input: "hi", ...more });

/** Thinking, signed or hidden. */
export const thought = (words: string, signature = "", redactedData = new Uint8Array()) =>
  chatEvent({ case: "reasoning", value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: words, signature, redactedData } });
/** Words of a refusal. */
export const refused = (words: string) =>
  chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: 0, text: words } });
/** A piece of a call; its first has an id. */
export const call = (index: number, words: string, id = "") =>
  toolCall({ choice: 0, index, arguments: words, ...(id !== "" && { id, name: "f" }) });

/** A whole answer around some content. */
export function answer(content: readonly ChatEvent[], reason: FinishReason = FinishReason.STOP): ChatEvent[] {
  const usage = {
    $typeName: "parley.v1.Usage" as const,
    promptTokens: 3,
    completionTokens: 2,
    reasoningTokens: 1,
    source: UsageSource.PROVIDER,
  };
  return [
    accepted({ id: "chatcmpl-00-11", model: "m", createdMs: 1_700_000_000_500 }),
    started("p", "there"),
    ...content,
    finished(0, reason),
    completed({ usage, timings: { $typeName: "parley.v1.Timings", totalMs: 1600 } }),
  ];
}

/** An event as it was read, whatever it is. */
export type Framed = ResponseEvent & Record<string, never>;

/** The events in some frames; each is what its type says, and numbered behind the one before. */
export function eventsIn(frames: string): Framed[] {
  return frames
    .split("\n\n")
    .filter((frame) => frame.startsWith("event: "))
    .map((frame, number) => {
      const [name, data = "", ...more] = frame.split("\n");
      const event = JSON.parse(data.slice("data: ".length)) as Framed;
      expect([name, event.sequence_number, more]).toEqual([`event: ${event.type}`, number, []]);
      expect(Check(ResponseEvent, event) ? [] : [event, ...Errors(ResponseEvent, event)]).toEqual([]);
      return event;
    });
}

/** The events of an answer, read. */
export function written(events: readonly ChatEvent[], more: object = {}): Framed[] {
  const writer = new ResponseWriter(asked(more));
  return eventsIn(events.map((event) => writer.write(event)).join(""));
}
