import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ChatEventSchema, ChatResponseSchema, FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { completed, finished, progress, reasoning, started, text, toolCall } from "../../core/events.ts";
import { reasonOf } from "../../core/reasons.ts";
import { valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { AnswerReader, eventsOfAnswer } from "./answer.ts";

const choice = fc.integer({ min: -1, max: 3 });
const words = fc.constantFrom("", "a", "b c");
/** Events in any order, for any choice: what a hostile server may send. */
const anyEvents = fc.array(
  fc.oneof(
    fc.constant(started("openai", "gpt")),
    fc.tuple(choice, words).map(([at, said]) => text(at, said)),
    fc.tuple(choice, words).map(([at, said]) => reasoning(at, said)),
    fc.tuple(choice, choice, words).map(([at, index, said]) => toolCall({ choice: at, index, arguments: said })),
    choice.map((at) => finished(at, FinishReason.STOP)),
    fc.constant(completed({})),
    fc.constant(progress({})),
    fc.constant(create(ChatEventSchema)),
  ),
  { maxLength: 12 },
);

/** What a reader makes of them, each as if it came over the wire; how it failed, if it did. */
function readAll(events: readonly ChatEvent[], reader: AnswerReader): { readonly told: ChatEvent[]; readonly reason: string | undefined } {
  const told: ChatEvent[] = [];
  try {
    for (const event of events) told.push(...reader.read(fromBinary(ChatEventSchema, toBinary(ChatEventSchema, event))));
    told.push(...reader.end(undefined));
    return { told, reason: undefined };
  } catch (error) {
    return { told, reason: reasonOf(error) };
  }
}

it("whatever another Parley sends, what is passed on keeps the contract's order, or ends in a fault of the provider", () => {
  fc.assert(
    fc.property(anyEvents, fc.integer({ min: 1, max: 2 }), (events, choices) => {
      const { told, reason } = readAll(events, new AnswerReader("edge", userRequest("hi", { model: "m", choices })));
      const cases = told.map(({ event }) => event.case);
      expect(cases.slice(1)).not.toContain("started");
      if (told.length > 0) expect(cases[0]).toBe("started");
      expect(cases).not.toContain("progress");
      const ends = valuesOf(told, "finished").map((end) => end.choice);
      expect(new Set(ends).size).toBe(ends.length);
      expect(cases.indexOf("completed")).toBe(reason === undefined ? cases.length - 1 : -1);
      if (reason === undefined) expect(ends).toHaveLength(choices);
      else expect(["provider_malformed", "provider_truncated"]).toContain(reason);
    }),
  );
});

it("an answer that comes whole says whether it came from the other one's cache", () => {
  const message = { parts: [{ part: { case: "text" as const, value: { text: "a" } } }] };
  for (const cacheHit of [true, false]) {
    const response = create(ChatResponseSchema, { choices: [{ message, reason: FinishReason.STOP }], servedBy: { cacheHit } });
    const events = eventsOfAnswer(response, "edge", userRequest("hi", { model: "m" }));
    expect(valuesOf(events, "started")).toMatchObject([{ provider: "edge", model: "m", fromCache: cacheHit }]);
  }
});
