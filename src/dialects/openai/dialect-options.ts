import type { ThinkingWord } from "../../core/openai-dialect.ts";
import { invalidField } from "../../core/reasons.ts";
import { objectAt } from "./read.ts";

/** Thinking under its keys: DeepSeek's and llama.cpp's, vLLM's and OpenRouter's, or both. */
export function thoughtNamed(text: string, thinking: ThinkingWord): { reasoning_content?: string; reasoning?: string } {
  return { ...(thinking !== "reasoning" && { reasoning_content: text }), ...(thinking !== "reasoning_content" && { reasoning: text }) };
}

/** Refuses the first field of a body that is not among those known. Throws `invalid_request`. */
export function refuseUnknown(body: unknown, known: ReadonlySet<string>): void {
  for (const name of Object.keys(objectAt(body, "body"))) if (!known.has(name)) throw invalidField(name, "is not known here; leave it out");
}
