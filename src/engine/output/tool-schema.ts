import { invalidField } from "../../core/reasons.ts";
import type { EngineTool } from "../protocol/prompt.ts";

/** The schema of a function's arguments; empty for one that has none. Throws `invalid_request` naming the field of a tool in this place of the request. */
export function schemaOf({ parameters }: EngineTool, index: number): Readonly<Record<string, unknown>> {
  if (parameters === "") return {};
  const schema = parsed(parameters);
  if (typeof schema === "object" && schema !== null && !Array.isArray(schema)) return Object.fromEntries(Object.entries(schema));
  throw invalidField(`tools[${index}].function.parameters`, "is no JSON schema of an object");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
