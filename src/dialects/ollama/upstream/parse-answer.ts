import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { exactJson, hasRiskyNumber } from "../../exact-json.ts";

/** Reads an object of an answer: what tools are called with keeps its numbers as they were written, all other numbers are numbers. Undefined: it is no JSON. */
export function parsedAnswer(text: string): unknown {
  const answer = parsedJson(text);
  if (!text.includes('"tool_calls"') || !isJsonObject(answer) || !hasRiskyNumber(text)) return answer;
  const { message } = answer;
  const exact = exactJson(text);
  const said = isJsonObject(exact) ? exact["message"] : undefined;
  return isJsonObject(message) && isJsonObject(said) ? { ...answer, message: { ...message, tool_calls: said["tool_calls"] } } : answer;
}
