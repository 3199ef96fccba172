import { isJsonObject, parsedJson } from "../../core/json.ts";
import { invalidField } from "../../core/reasons.ts";

/** Deepest JSON that a model is told. */
export const maxToldDepth = 64;

/** Refuses a text that is no JSON object, or one that is nested too deeply, naming the field. */
export function refuseNoObject(text: string, field: string): void {
  if (depthOf(text) > maxToldDepth) throw invalidField(field, `is nested more than ${maxToldDepth} deep`);
  if (!isJsonObject(parsedJson(text))) throw invalidField(field, "is no JSON object");
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
