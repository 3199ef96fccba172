import { promptTooLong } from "../../engine/protocol/errors.ts";
import type { EngineModel } from "../../engine/protocol/load.ts";
import type { EnginePrompt } from "../../engine/protocol/prompt.ts";

/** Refuses a prompt that cannot fit however it is cut into tokens, before anybody is kept waiting by the sending and counting of it. */
export function refuseHopeless(prompt: EnginePrompt, { contextLength, longestTokenBytes }: EngineModel): void {
  const leastTokens =
    prompt.type === "tokens" ? prompt.tokens.length : Math.ceil(surelyReadBytes(prompt) / (longestTokenBytes ?? Infinity));
  if (leastTokens >= contextLength) throw promptTooLong(leastTokens, contextLength, false);
}

/** Bytes that the model reads whatever its chat template does: templates trim messages, and leave earlier thinking or system messages out. */
function surelyReadBytes(prompt: Exclude<EnginePrompt, { type: "tokens" }>): number {
  if (prompt.type === "text") return Buffer.byteLength(prompt.text) + Buffer.byteLength(prompt.suffix ?? "");
  const users = prompt.messages.filter(({ role }) => role === "user");
  return users.reduce((sum, { text }) => sum + Buffer.byteLength(text.trim()), 0);
}
