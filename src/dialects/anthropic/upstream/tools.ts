import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ToolChoiceMode, type Function as Described, type Tool } from "../../../../gen/parley/v1/messages_pb.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { invalidField } from "../../../core/reasons.ts";
import type { OptionKeys } from "../../given-options.ts";
import { cacheControlOf, type OptionPlace } from "./options.ts";
import type { MessagesBody, WireTool, WireToolChoice } from "./wire.ts";

/** Tools and their choice. Where only some may be called, only those are told of. */
export function toolsOf(
  { tools, toolChoice, parallelToolCalls }: ChatRequest,
  keys: OptionKeys,
): Pick<MessagesBody, "tools" | "tool_choice"> {
  if (tools.length === 0) return {};
  const { mode = ToolChoiceMode.UNSPECIFIED, toolNames = [] } = toolChoice ?? {};
  const allowed = new Set(mode === ToolChoiceMode.NONE ? [] : toolNames);
  const told = tools
    .map((tool, index) => wireTool(tool, { at: `tools[${index}]`, keys }))
    .filter(({ name }) => allowed.size === 0 || allowed.has(name));
  const choice = choiceOf(mode, [...allowed]);
  const wired = parallelToolCalls === false ? oneAtMost(choice) : choice;
  return wired === undefined ? { tools: told } : { tools: told, tool_choice: wired };
}

/** That one call is made at most is said with the choice. */
function oneAtMost(choice: WireToolChoice = auto): WireToolChoice {
  return choice.type === "none" ? choice : { ...choice, disable_parallel_tool_use: true };
}

const auto = { type: "auto" } as const;

function choiceOf(mode: ToolChoiceMode, names: readonly string[]): WireToolChoice | undefined {
  switch (mode) {
    case ToolChoiceMode.AUTO:
      return { type: "auto" };
    case ToolChoiceMode.NONE:
      return { type: "none" };
    case ToolChoiceMode.REQUIRED:
      return names.length === 1 ? { type: "tool", name: names[0]! } : { type: "any" };
    default:
      return undefined;
  }
}

function wireTool({ tool, providerOptions }: Tool, place: OptionPlace): WireTool {
  const { at } = place;
  if (tool.case !== "function") throw invalidField(at, "is of no known kind");
  const { name, description, strict } = tool.value;
  const wire: WireTool = { name, input_schema: schemaOf(tool.value, `${at}.function.parameters`) };
  if (description !== "") wire.description = description;
  if (strict === true) wire.strict = true;
  const control = cacheControlOf(providerOptions, place);
  if (control !== undefined) wire.cache_control = control;
  return wire;
}

function schemaOf({ parameters }: Described, at: string): WireTool["input_schema"] {
  if (parameters.trim() === "") return { type: "object", properties: {} };
  const schema = parsedJson(parameters);
  if (!isJsonObject(schema)) throw invalidField(at, "is no JSON object");
  // Anthropic demands the type, which a schema of arguments may leave out.
  return { ...schema, type: "object" };
}
