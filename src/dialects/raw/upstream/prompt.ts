import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { Role, type Message } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../../core/reasons.ts";

// The format has one text and no roles. A question alone, with or without instructions, is sent as it is written; where others have spoken too, each line says who.

const speakers: Readonly<Partial<Record<Role, string>>> = {
  [Role.SYSTEM]: "System",
  [Role.DEVELOPER]: "System",
  [Role.USER]: "User",
  [Role.ASSISTANT]: "Assistant",
};

/** The text that a request's prompt is. Throws `invalid_request` for one that has none. */
export function promptOf({ messages, rawPrompt, continueFinalMessage }: ChatRequest): string {
  if (rawPrompt?.prompt.case === "text") return rawPrompt.prompt.value;
  const last = messages.at(-1);
  if (last === undefined) throw invalidField("messages", "must not be empty");
  const isGoneOn = continueFinalMessage && last.role === Role.ASSISTANT;
  const spoken = messages.filter(({ role }) => role !== Role.SYSTEM && role !== Role.DEVELOPER);
  if (spoken.length <= 1 && !isGoneOn && last.role !== Role.ASSISTANT) return messages.map(textOf).join("\n\n");
  const lines = messages.map((message) => `${speakers[message.role] ?? "User"}: ${textOf(message)}`);
  return [...lines, ...(isGoneOn ? [] : ["Assistant:"])].join("\n");
}

function textOf({ parts }: Message): string {
  return parts.map(({ part }) => (part.case === "text" || part.case === "refusal" ? part.value.text : "")).join("");
}
