import type { MessageInitShape } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import type { Part, PartSchema, ReasoningPart } from "../../../gen/parley/v1/messages_pb.ts";
import { bytesAt, listAt, objectAt, oneOf, present, readAt, required, textAt, type Json } from "./read.ts";
import type { ReasoningDetail } from "./wire/chat-answer.ts";

// The format has no place for thinking that has to come back as it was: signed, or hidden. OpenRouter's has, and clients return what they find in a message.

type Thought = Pick<ReasoningPart, "text" | "signature" | "redactedData">;

/** One thought as it stands in `reasoning_details`. */
export function reasoningDetail({ text, signature, redactedData }: Thought): ReasoningDetail {
  if (redactedData.length > 0) return { type: "reasoning.encrypted", data: base64Encode(redactedData) };
  return { type: "reasoning.text", text, ...(signature !== "" && { signature }) };
}

/** All of a message's thoughts; empty where none of them has to come back as it was. */
export function reasoningDetails(parts: readonly Part[]): ReasoningDetail[] {
  const thoughts = parts.flatMap(({ part }) => (part.case === "reasoning" ? [part.value] : []));
  return thoughts.some(({ signature, redactedData }) => signature !== "" || redactedData.length > 0) ? thoughts.map(reasoningDetail) : [];
}

const typeOf = oneOf({ "reasoning.text": "text", "reasoning.summary": "summary", "reasoning.encrypted": "encrypted" });

/** Thoughts that a client returns; undefined where there are none, and plain text may hold them. */
export function thoughtsAt(message: Json, at: string): MessageInitShape<typeof PartSchema>[] | undefined {
  const details = readAt(message, { at, name: "reasoning_details" }, listAt) ?? [];
  if (details.length === 0) return undefined;
  return details.map((detail, index) => {
    const place = `${at}reasoning_details[${index}].`;
    return { part: { case: "reasoning", value: thoughtOf(objectAt(detail, place.slice(0, -1)), place) } };
  });
}

function thoughtOf(detail: Json, at: string): Partial<Thought> {
  const type = typeOf(required(detail, "type", at), `${at}type`);
  if (type === "encrypted") return { redactedData: bytesAt(required(detail, "data", at), `${at}data`) };
  const text = readAt(detail, { at, name: type }, textAt) ?? "";
  return {
    text,
    ...(present(detail, "signature") !== undefined && { signature: readAt(detail, { at, name: "signature" }, textAt) ?? "" }),
  };
}
