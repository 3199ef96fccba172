import { paramOf, type ParamOf } from "../errors.ts";
import { present, type Json } from "../read.ts";

/** Fields of ours, and what the caller may have called them: the first name that the body has is meant, else the last. */
const names: Readonly<Record<string, readonly string[]>> = {
  choices: ["best_of", "n"],
  top_logprobs: ["logprobs", "best_of"],
  "raw_prompt.suffix": ["suffix"],
  "raw_prompt.echo": ["echo"],
};

/** Names fields as the caller of a body of `/v1/completions` did. */
export function completionParamOf(body: unknown): ParamOf {
  const said = (name: string) => (typeof body === "object" && body !== null ? present(body as Json, name) : undefined);
  const prompt = said("prompt");
  // Of several prompts nobody knows here which is meant.
  const isOne = Array.isArray(prompt) && prompt.every((item) => typeof item === "number");
  const ofChat = paramOf(body);
  return (field) => {
    const known = Object.hasOwn(names, field) ? names[field] : undefined;
    if (known !== undefined) return known.find((name) => said(name) !== undefined) ?? known.at(-1) ?? field;
    if (!field.startsWith("raw_prompt")) return ofChat(field);
    return `prompt${isOne ? (/\[\d+\]$/.exec(field)?.[0] ?? "") : ""}`;
  };
}
