import type { JsonObject } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ToolChoiceMode, type Function as ToolFunction, type ResponseFormat } from "../../../../gen/parley/v1/messages_pb.ts";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { exactJson } from "../../exact-json.ts";
import type { Quirks } from "./quirks.ts";
import type { WireChat, WireCommon, WireFormat, WireNamedTool, WireTool, WireToolChoice } from "./wire.ts";

/** Writes tools and which of them are called. A choice that the upstream has no form for is made by sending only the tools that it allows. */
export function addTools(body: WireChat, request: ChatRequest, quirks: Quirks): void {
  if (request.tools.length === 0) return;
  const { toolNames: names = [], mode = ToolChoiceMode.UNSPECIFIED } = request.toolChoice ?? {};
  const isSaid = mode === ToolChoiceMode.NONE || names.length === 0 || hasForm(mode, names, quirks);
  const functions = request.tools.flatMap(({ tool }, index) => (tool.case === "function" ? [{ tool: tool.value, index }] : []));
  const sent = isSaid ? functions : functions.filter(({ tool }) => names.includes(tool.name));
  body.tools = sent.map(({ tool, index }) => wireTool(tool, `tools[${index}].function.parameters`));
  const choice = wireChoice(mode, isSaid ? names : []);
  if (choice !== undefined) body.tool_choice = choice;
  addParallel(body, request, quirks);
}

/** To allow several calls is what upstreams do anyway that cannot be told. */
function addParallel(body: WireChat, { parallelToolCalls: wanted }: ChatRequest, quirks: Quirks): void {
  if (wanted === undefined) return;
  if (quirks.parallelToolCalls === "sent") body.parallel_tool_calls = wanted;
  else if (!wanted) throw unsupportedField("parallel_tool_calls", "this upstream cannot be held to one call");
}

function hasForm(mode: ToolChoiceMode, names: readonly string[], { toolChoice }: Quirks): boolean {
  return toolChoice === "all" || (toolChoice === "function" && mode === ToolChoiceMode.REQUIRED && names.length === 1);
}

function wireChoice(mode: ToolChoiceMode, names: readonly string[]): WireToolChoice | undefined {
  if (mode === ToolChoiceMode.NONE) return "none";
  const [only, second] = names.map(named);
  if (only === undefined) {
    if (mode === ToolChoiceMode.REQUIRED) return "required";
    return mode === ToolChoiceMode.AUTO ? "auto" : undefined;
  }
  if (mode === ToolChoiceMode.REQUIRED && second === undefined) return only;
  const word = mode === ToolChoiceMode.REQUIRED ? "required" : "auto";
  return { type: "allowed_tools", allowed_tools: { mode: word, tools: names.map(named) } };
}

function named(name: string): WireNamedTool {
  return { type: "function", function: { name } };
}

function wireTool({ name, description, parameters, strict }: ToolFunction, field: string): WireTool {
  return {
    type: "function",
    function: {
      name,
      ...(description !== "" && { description }),
      ...(parameters !== "" && { parameters: schemaOf(parameters, field) }),
      ...(strict !== undefined && { strict }),
    },
  };
}

function schemaOf(text: string, field: string): JsonObject {
  let schema: unknown;
  try {
    schema = exactJson(text);
  } catch {
    throw invalidField(field, "is no JSON");
  }
  if (!isJsonObject(schema)) throw invalidField(field, "is no JSON object");
  return schema as JsonObject;
}

/** Writes the shape that the answer must have. */
export function addFormat(body: WireCommon, { format }: ResponseFormat, quirks: Quirks): void {
  if (format.case === "grammar") {
    Object.assign(
      body,
      quirks.grammar === "grammar" ? { grammar: format.value.gbnf } : { structured_outputs: { grammar: format.value.gbnf } },
    );
    return;
  }
  const shape = wireFormat(format);
  if (shape !== undefined) body.response_format = shape;
}

function wireFormat(format: Exclude<ResponseFormat["format"], { case: "grammar" }>): WireFormat | undefined {
  if (format.case === "text") return { type: "text" };
  if (format.case === "jsonObject") return { type: "json_object" };
  if (format.case !== "jsonSchema") return undefined;
  const { name, description, schema, strict } = format.value;
  return {
    type: "json_schema",
    json_schema: {
      // The format wants a name; the contract does not.
      name: name === "" ? "answer" : name,
      ...(description !== "" && { description }),
      schema: schemaOf(schema, "response_format.json_schema.schema"),
      ...(strict !== undefined && { strict }),
    },
  };
}
