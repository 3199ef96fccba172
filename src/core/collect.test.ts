import { describe, expect, it } from "vitest";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { answer } from "../testing/answers.ts";
import { collect } from "./collect.ts";
import { chatEvent, text } from "./events.ts";
import { reasonOf } from "./reasons.ts";
import { failureOf } from "../testing/collect-events.ts";

describe("collect", () => {
  it("gathers text in order and what it took", async () => {
    const response = await collect(
      (async function* () {
        yield* answer(["Hello", " there"]);
      })(),
    );
    expect(response.choices[0]?.message?.parts.map(({ part }) => part.value)).toMatchObject([{ text: "Hello there" }]);
    expect([response.choices[0]?.message?.role, response.usage?.completionTokens]).toEqual([Role.ASSISTANT, 2]);
  });
  it("keeps tool calls, reasoning and text apart, in the order in which they began", async () => {
    const events = [
      chatEvent({
        case: "reasoning",
        value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: "hm", signature: "", redactedData: new Uint8Array() },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 0, id: "1", name: "f", arguments: '{"a"' },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 1, id: "2", name: "g", arguments: "{}" },
      }),
      chatEvent({
        case: "toolCall",
        value: { $typeName: "parley.v1.ToolCallDelta", choice: 0, index: 0, id: "", name: "", arguments: ":1}" },
      }),
      text(1, "second"),
      ...answer(["done"]),
    ];
    const { choices } = await collect(
      (async function* () {
        yield* events;
      })(),
    );
    expect(choices[0]?.message?.parts.map(({ part }) => part.case)).toEqual(["reasoning", "toolCall", "toolCall", "text"]);
    expect(choices[0]?.message?.parts[1]?.part.value).toMatchObject({ id: "1", arguments: '{"a":1}' });
    expect(choices[1]?.message?.parts[0]?.part.value).toMatchObject({ text: "second" });
  });
  it("keeps thinking apart from what is hidden before it, and from what was signed", async () => {
    const thought = (piece: { text?: string; signature?: string; hidden?: string }) =>
      chatEvent({
        case: "reasoning",
        value: {
          $typeName: "parley.v1.ReasoningDelta",
          choice: 0,
          text: piece.text ?? "",
          signature: piece.signature ?? "",
          redactedData: new TextEncoder().encode(piece.hidden ?? ""),
        },
      });
    const thoughts = [
      thought({ hidden: "x" }),
      thought({ text: "a" }),
      thought({ text: "b" }),
      thought({ signature: "s" }),
      thought({ text: "c" }),
    ];
    const { choices } = await collect(
      (async function* () {
        yield* [...thoughts, ...answer(["done"])];
      })(),
    );
    const parts = choices[0]?.message?.parts.map(({ part }) =>
      part.case === "reasoning" ? [part.value.text, part.value.signature] : part.case,
    );
    expect(parts).toEqual([["", ""], ["ab", "s"], ["c", ""], "text"]);
  });
  it("does not take a stream without its end mark for an answer", async () => {
    const cut = answer(["Hel"]).slice(0, -1);
    expect(
      reasonOf(
        await failureOf(
          collect(
            (async function* () {
              yield* cut;
            })(),
          ),
        ),
      ),
    ).toBe("provider_truncated");
  });
});
