import { create } from "@bufbuild/protobuf";
import {
  ResponseFormatSchema,
  ToolChoiceMode,
  ToolChoiceSchema,
  ToolSchema,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
} from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { booleanAt, jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, textAt, type Json } from "../read.ts";

/** Reads `tools`: functions, whose fields stand beside their type. */
export function toolsAt(value: unknown, path: string): Tool[] {
  return listAt(value, path).map((item, index) => toolAt(objectAt(item, `${path}[${index}]`), `${path}[${index}].`));
}

function toolAt(tool: Json, at: string): Tool {
  functionType(tool, at);
  if (readAt(tool, { at, name: "async" }, booleanAt) === true)
    throw unsupportedField(`${at}async`, "a call is answered before the model goes on");
  if (readAt(tool, { at, name: "defer_loading" }, booleanAt) === true)
    throw unsupportedField(`${at}defer_loading`, "tools are not searched for; send those that may be called");
  for (const name of ["allowed_callers", "output_schema"])
    if (present(tool, name) !== undefined)
      throw unsupportedField(at + name, "functions are called by the model alone, and their output is text to it");
  const strict = readAt(tool, { at, name: "strict" }, booleanAt);
  const value = {
    name: textAt(required(tool, "name", at), `${at}name`),
    description: readAt(tool, { at, name: "description" }, textAt) ?? "",
    parameters: readAt(tool, { at, name: "parameters" }, jsonTextAt) ?? "",
    ...(strict !== undefined && { strict }),
  };
  return create(ToolSchema, { tool: { case: "function", value } });
}

function functionType(tool: Json, at: string): void {
  const type = textAt(required(tool, "type", at), `${at}type`);
  if (type !== "function") throw unsupportedField(`${at}type`, `only function tools are known, not ${JSON.stringify(type.slice(0, 64))}`);
}

const modeOf = oneOf({ none: ToolChoiceMode.NONE, auto: ToolChoiceMode.AUTO, required: ToolChoiceMode.REQUIRED });

/** Reads `tool_choice` in all its forms: a word, one function, or an allowed subset. */
export function toolChoiceAt(value: unknown, path: string): ToolChoice {
  if (typeof value === "string") return create(ToolChoiceSchema, { mode: modeOf(value, path) });
  const choice = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(choice, "type", at), `${at}type`);
  if (type === "function") return create(ToolChoiceSchema, { mode: ToolChoiceMode.REQUIRED, toolNames: [nameOf(choice, at)] });
  if (type !== "allowed_tools") throw unsupportedField(`${at}type`, "only function and allowed_tools are known");
  const tools = listAt(required(choice, "tools", at), `${at}tools`);
  if (tools.length === 0) throw invalidField(`${at}tools`, "is empty");
  const toolNames = tools.map((tool, index) => {
    const below = `${at}tools[${index}]`;
    const named = objectAt(tool, below);
    functionType(named, `${below}.`);
    return nameOf(named, `${below}.`);
  });
  return create(ToolChoiceSchema, { mode: modeOf(required(choice, "mode", at), `${at}mode`), toolNames });
}

function nameOf(tool: Json, at: string): string {
  return textAt(required(tool, "name", at), `${at}name`);
}

/** Reads `text.format`. */
export function formatAt(value: unknown, path: string): ResponseFormat {
  const format = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(format, "type", at), `${at}type`);
  switch (type) {
    case "text":
      return create(ResponseFormatSchema, { format: { case: "text", value: {} } });
    case "json_object":
      return create(ResponseFormatSchema, { format: { case: "jsonObject", value: {} } });
    case "json_schema":
      return schemaAt(format, at);
    default:
      throw invalidField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of text, json_object, json_schema`);
  }
}

function schemaAt(format: Json, at: string): ResponseFormat {
  const strict = readAt(format, { at, name: "strict" }, booleanAt);
  const value = {
    name: nameOf(format, at),
    description: readAt(format, { at, name: "description" }, textAt) ?? "",
    schema: jsonTextAt(required(format, "schema", at), `${at}schema`),
    ...(strict !== undefined && { strict }),
  };
  return create(ResponseFormatSchema, { format: { case: "jsonSchema", value } });
}
