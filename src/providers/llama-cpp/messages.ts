import { Role, type Message } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineMessage } from "../../engine/protocol.ts";

/** The conversation's turns as the engine takes them. Throws `invalid_request` for messages that no template has a place for. */
export function engineMessages(messages: readonly Message[]): EngineMessage[] {
  return messages.map(({ role, parts }, index) => ({ role: roleOf(role, index), text: parts.map(({ part }) => textOf(part)).join("") }));
}

function roleOf(role: Role, index: number): EngineMessage["role"] {
  switch (role) {
    case Role.SYSTEM:
    case Role.DEVELOPER:
      return "system";
    case Role.USER:
      return "user";
    case Role.ASSISTANT:
      return "assistant";
    default:
      throw invalidField(`messages[${index}].role`, "local models take system, developer, user and assistant");
  }
}

/** The table of fields lets text and refusals through. */
function textOf(part: Message["parts"][number]["part"]): string {
  return part.case === "text" || part.case === "refusal" ? part.value.text : "";
}
