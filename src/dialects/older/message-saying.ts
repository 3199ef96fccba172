import type { Message, Role } from "../../../gen/parley/v1/messages_pb.ts";

/** A message of one text. */
export function messageSaying(role: Role, text: string): Message {
  const part = { case: "text" as const, value: { $typeName: "parley.v1.Text" as const, text } };
  return { $typeName: "parley.v1.Message", role, name: "", parts: [{ $typeName: "parley.v1.Part", part }] };
}
