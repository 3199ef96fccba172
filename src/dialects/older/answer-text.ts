import type { ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";

/** What the first choice says, where a format has one text and nothing beside it: words with which a model declines are words too. */
export function answerText({ choices: [first] }: ChatResponse): string {
  const parts = first?.message?.parts ?? [];
  return parts.map(({ part }) => (part.case === "text" || part.case === "refusal" ? part.value.text : "")).join("");
}
