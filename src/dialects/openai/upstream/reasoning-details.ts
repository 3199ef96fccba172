import type { JsonObject } from "@bufbuild/protobuf";
import type { ReasoningPart } from "../../../../gen/parley/v1/messages_pb.ts";
import type { ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { chatEvent } from "../../../core/events.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";

// OpenRouter's `reasoning_details`: text with a signature, summaries, and parts that the maker of the model has encrypted, which have to come back as they were.

const utf8 = new TextEncoder();
const nothing = new Uint8Array();

/** The details of a delta as events; empty where none of them says anything. */
export function detailEvents(choice: number, details: readonly unknown[]): ChatEvent[] {
  return details.flatMap((detail) => {
    if (!isJsonObject(detail)) return [];
    if (detail["type"] === "reasoning.encrypted") return [thought(choice, { text: "", signature: "", redactedData: hidden(detail) })];
    const text = stringOf(detail["text"]) || stringOf(detail["summary"]);
    const signature = stringOf(detail["signature"]);
    return text === "" && signature === "" ? [] : [thought(choice, { text, signature, redactedData: nothing })];
  });
}

function thought(choice: number, facts: { text: string; signature: string; redactedData: Uint8Array<ArrayBuffer> }): ChatEvent {
  return chatEvent({ case: "reasoning", value: { $typeName: "parley.v1.ReasoningDelta", choice, ...facts } });
}

/** Hidden thinking is kept as the detail's own JSON: whatever stands in it goes back. */
function hidden(detail: object): Uint8Array<ArrayBuffer> {
  return utf8.encode(JSON.stringify(detail));
}

function stringOf(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed() : "";
}

/** Earlier thinking as it goes back: in details what is signed or hidden, for that has to come back as it was, and as text what is neither. */
export function thinkingInDetails(thinking: readonly ReasoningPart[]): { reasoning?: string; reasoning_details?: JsonObject[] } {
  const details = thinking.flatMap(detailOf);
  const text = thinking.map((part) => (part.signature === "" && part.redactedData.length === 0 ? part.text : "")).join("");
  return { ...(text !== "" && { reasoning: text }), ...(details.length > 0 && { reasoning_details: details }) };
}

/** Hidden thinking of other makers is left out. */
function detailOf({ text, signature, redactedData }: ReasoningPart): JsonObject[] {
  if (redactedData.length === 0) return signature === "" ? [] : [{ type: "reasoning.text", text, signature }];
  const detail = parsedJson(new TextDecoder().decode(redactedData));
  return isJsonObject(detail) ? [detail as JsonObject] : [];
}
