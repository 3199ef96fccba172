import { invalidField } from "../../core/reasons.ts";

/** Deepest JSON that a model is told. */
export const maxToldDepth = 64;

/** Refuses a text that is no JSON object, or one that is nested too deeply, naming the field. */
export function refuseNoObject(text: string, field: string): void {
  if (depthOf(text) > maxToldDepth) throw invalidField(field, `is nested more than ${maxToldDepth} deep`);
  if (!isObject(parsed(text))) throw invalidField(field, "is no JSON object");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What it says is wrong may quote the text, which is the caller's alone.
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Deepest nesting of a JSON text; of what is none, that of its brackets. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isText = false;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "\\") index++;
    else if (character === '"') isText = !isText;
    else if (!isText && (character === "{" || character === "[")) deepest = Math.max(deepest, ++depth);
    else if (!isText && (character === "}" || character === "]")) depth--;
  }
  return deepest;
}
