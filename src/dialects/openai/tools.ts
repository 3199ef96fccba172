import { create } from "@bufbuild/protobuf";
import {
  ResponseFormatSchema,
  ToolChoiceMode,
  ToolChoiceSchema,
  ToolSchema,
  type ResponseFormat,
  type Tool,
  type ToolChoice,
} from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, saysAny, textAt, type Json } from "./read.ts";

/** Reads `tools`. */
export function toolsFromOpenAI(value: unknown): Tool[] {
  return listAt(value, "tools").map((item, index) => toolFromOpenAI(objectAt(item, `tools[${index}]`), `tools[${index}].`));
}

function toolFromOpenAI(tool: Json, at: string): Tool {
  checkFunction(tool, at);
  const described = objectAt(required(tool, "function", at), `${at}function`);
  const below = `${at}function.`;
  const strict = readAt(described, { at: below, name: "strict" }, booleanAt);
  return create(ToolSchema, {
    tool: {
      case: "function",
      value: {
        name: textAt(required(described, "name", below), `${below}name`),
        description: readAt(described, { at: below, name: "description" }, textAt) ?? "",
        parameters: readAt(described, { at: below, name: "parameters" }, jsonTextAt) ?? "",
        ...(strict === undefined ? {} : { strict }),
      },
    },
  });
}

const modeOf = oneOf({ none: ToolChoiceMode.NONE, auto: ToolChoiceMode.AUTO, required: ToolChoiceMode.REQUIRED });

/** Reads `tool_choice` in all its forms: a word, one function, or an allowed subset. */
export function toolChoiceFromOpenAI(value: unknown): ToolChoice {
  if (typeof value === "string") return create(ToolChoiceSchema, { mode: modeOf(value, "tool_choice") });
  const choice = objectAt(value, "tool_choice");
  const type = textAt(required(choice, "type", "tool_choice."), "tool_choice.type");
  if (type === "function") return create(ToolChoiceSchema, { mode: ToolChoiceMode.REQUIRED, toolNames: [nameOf(choice, "tool_choice.")] });
  if (type !== "allowed_tools") throw unsupportedField("tool_choice.type", "only function and allowed_tools are known");
  const at = "tool_choice.allowed_tools.";
  const allowed = objectAt(required(choice, "allowed_tools", "tool_choice."), "tool_choice.allowed_tools");
  const toolNames = listAt(required(allowed, "tools", at), `${at}tools`).map((tool, index) =>
    functionName(objectAt(tool, `${at}tools[${index}]`), `${at}tools[${index}].`),
  );
  if (toolNames.length === 0) throw invalidField(`${at}tools`, "is empty");
  return create(ToolChoiceSchema, { mode: modeOf(required(allowed, "mode", at), `${at}mode`), toolNames });
}

function functionName(tool: Json, at: string): string {
  checkFunction(tool, at);
  return nameOf(tool, at);
}

function checkFunction(tool: Json, at: string): void {
  const type = textAt(required(tool, "type", at), `${at}type`);
  if (type !== "function") throw unsupportedField(`${at}type`, `only function tools are known, not ${JSON.stringify(type.slice(0, 64))}`);
}

function nameOf(tool: Json, at: string): string {
  const named = objectAt(required(tool, "function", at), `${at}function`);
  return textAt(required(named, "name", `${at}function.`), `${at}function.name`);
}

const formatNames: ReadonlySet<string> = new Set(["response_format", "grammar", "json_schema", "guided_json"]);

/** Reads `response_format`, and what other servers call it: `grammar`, `json_schema` (llama.cpp), `guided_json` (vLLM). Undefined when the body has none. */
export function responseFormatFromOpenAI(body: Json): ResponseFormat | undefined {
  if (!saysAny(body, formatNames)) return undefined;
  const names = [...formatNames].filter((name) => present(body, name) !== undefined);
  const [name, second] = names;
  if (name === undefined) return undefined;
  if (second !== undefined) throw invalidField(second, `says the same as ${name}: send one of them`);
  const value = present(body, name);
  if (name === "grammar") return create(ResponseFormatSchema, { format: { case: "grammar", value: { gbnf: textAt(value, name) } } });
  if (name === "response_format") return formatFromOpenAI(objectAt(value, name));
  const schema = (typeof value === "string" ? textAt : jsonTextAt)(value, name);
  return create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "answer", schema } } });
}

function formatFromOpenAI(format: Json): ResponseFormat {
  const at = "response_format.";
  const type = textAt(required(format, "type", at), `${at}type`);
  switch (type) {
    case "text":
      return create(ResponseFormatSchema, { format: { case: "text", value: {} } });
    case "json_object": {
      // llama.cpp takes a schema here.
      const schema = readAt(format, { at, name: "schema" }, jsonTextAt);
      if (schema !== undefined) return create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "answer", schema } } });
      return create(ResponseFormatSchema, { format: { case: "jsonObject", value: {} } });
    }
    case "json_schema":
      return jsonSchema(objectAt(required(format, "json_schema", at), `${at}json_schema`), `${at}json_schema.`);
    default:
      throw invalidField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of text, json_object, json_schema`);
  }
}

function jsonSchema(given: Json, at: string): ResponseFormat {
  const strict = readAt(given, { at, name: "strict" }, booleanAt);
  const value = {
    name: textAt(required(given, "name", at), `${at}name`),
    description: readAt(given, { at, name: "description" }, textAt) ?? "",
    schema: jsonTextAt(required(given, "schema", at), `${at}schema`),
    ...(strict === undefined ? {} : { strict }),
  };
  return create(ResponseFormatSchema, { format: { case: "jsonSchema", value } });
}
