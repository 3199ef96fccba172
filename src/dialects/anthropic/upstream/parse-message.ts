import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { exactJson, hasRiskyNumber } from "../../exact-json.ts";

/** Reads a whole message: what tools are called with keeps its numbers as they were written, as in streams; no other block has any. */
export function parsedMessage(text: string): unknown {
  const message = parsedJson(text);
  if (!isJsonObject(message) || !text.includes('"tool_use"') || !hasRiskyNumber(text)) return message;
  const exact = exactJson(text);
  return isJsonObject(exact) ? { ...message, content: exact["content"] } : message;
}
