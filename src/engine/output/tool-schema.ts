import { isJsonObject, parsedJson, type JsonObject } from "../../core/json.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineTool } from "../protocol/prompt.ts";

/** The schema of a function's arguments; empty for one that has none. Throws `invalid_request` naming the field of a tool in this place of the request. */
export function schemaOf({ parameters }: EngineTool, index: number): JsonObject {
  if (parameters === "") return {};
  const schema = parsedJson(parameters);
  if (isJsonObject(schema)) return schema;
  throw invalidField(`tools[${index}].function.parameters`, "is no JSON schema of an object");
}
