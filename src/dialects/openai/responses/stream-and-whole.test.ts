import { array, assert, constantFrom, oneof, property, record, string, type Arbitrary } from "fast-check";
import { Check } from "typebox/value";
import { describe, expect, it } from "vitest";
import type { ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { collect } from "../../../core/collect.ts";
import { text } from "../../../core/events.ts";
import { answer, asked, call, refused, thought, written } from "../../../testing/response-events.ts";
import { chatResponseToResponse } from "./response.ts";
import { ResponseObject } from "./wire/response.ts";

/** Pieces of an answer, in any order; calls begin in the order of their index. */
const content: Arbitrary<ChatEvent[]> = array(
  record({
    kind: constantFrom("text", "refusal", "thought", "signed", "hidden", "call", "new call"),
    words: oneof(string(), constantFrom("", "\u2028")),
  }),
  { maxLength: 12 },
).map((pieces) => {
  let calls = 0;
  return pieces.flatMap(({ kind, words: given }) => {
    const words = given.toWellFormed();
    if (kind === "text") return [text(0, words)];
    if (kind === "refusal") return [refused(words)];
    if (kind === "thought") return [thought(words)];
    if (kind === "signed") return [thought(words, "sig")];
    if (kind === "hidden") return [thought("", "", new Uint8Array([1]))];
    if (kind === "new call") return [call(calls, words, `call_${calls++}`)];
    return calls === 0 ? [] : [call(calls - 1, words)];
  });
});

describe("whatever an answer says", () => {
  it("a stream ends with what the answer is when it comes whole", async () => {
    const asks = constantFrom({}, { reasoning: { summary: "auto" } }, { include: ["reasoning.encrypted_content"] });
    const cases: [ChatEvent[], object][] = [];
    assert(
      property(content, asks, (events, more) => void cases.push([events, more])),
      { numRuns: 200 },
    );
    for (const [pieces, more] of cases) {
      const events = answer(pieces);
      const streamed = written(events, more).at(-1)?.response;
      const whole = chatResponseToResponse(await collect(played(events)), asked(more));
      expect(streamed).toEqual(JSON.parse(JSON.stringify(whole)));
      expect(Check(ResponseObject, whole)).toBe(true);
    }
  });
});

async function* played(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* structuredClone(events);
}
