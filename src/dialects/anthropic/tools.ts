import { create } from "@bufbuild/protobuf";
import { ToolChoiceMode, ToolChoiceSchema, ToolSchema, type Tool, type ToolChoice } from "../../../gen/parley/v1/messages_pb.ts";
import { unsupportedField } from "../../core/reasons.ts";
import { booleanAt, jsonTextAt, listAt, objectAt, oneOf, present, readAt, required, textAt } from "../openai/read.ts";
import { cacheOptions } from "./blocks.ts";

/** Reads `tools`. Tools that Anthropic's servers run are refused by their type. */
export function toolsFromAnthropic(value: unknown): Tool[] {
  return listAt(value, "tools").map((item, index) => {
    const path = `tools[${index}]`;
    const at = `${path}.`;
    const tool = objectAt(item, path);
    const type = readAt(tool, { at, name: "type" }, textAt) ?? "custom";
    if (type !== "custom")
      throw unsupportedField(`${at}type`, `nobody here runs ${JSON.stringify(type.slice(0, 64))}; send tools of your own`);
    const callers = readAt(tool, { at, name: "allowed_callers" }, listAt) ?? ["direct"];
    if (!callers.includes("direct"))
      throw unsupportedField(`${at}allowed_callers`, "tools are called by the model itself, which is direct");
    const strict = readAt(tool, { at, name: "strict" }, booleanAt);
    const providerOptions = cacheOptions(tool, at);
    return create(ToolSchema, {
      tool: {
        case: "function",
        value: {
          name: textAt(required(tool, "name", at), `${at}name`),
          description: readAt(tool, { at, name: "description" }, textAt) ?? "",
          parameters: jsonTextAt(required(tool, "input_schema", at), `${at}input_schema`),
          ...(strict !== undefined && { strict }),
        },
      },
      ...(providerOptions !== undefined && { providerOptions }),
    });
  });
}

/** What `tool_choice` says: which tools, and whether several may be called at once. */
export interface ReadChoice {
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls: boolean | undefined;
}

const modeOf = oneOf({
  auto: ToolChoiceMode.AUTO,
  any: ToolChoiceMode.REQUIRED,
  tool: ToolChoiceMode.REQUIRED,
  none: ToolChoiceMode.NONE,
});

/** Reads `tool_choice`. */
export function toolChoiceFromAnthropic(value: unknown, path: string): ReadChoice {
  const choice = objectAt(value, path);
  const at = `${path}.`;
  const type = required(choice, "type", at);
  const mode = modeOf(type, `${at}type`);
  const toolNames = type === "tool" ? [textAt(required(choice, "name", at), `${at}name`)] : [];
  const isDisabled = present(choice, "disable_parallel_tool_use");
  const parallelToolCalls = isDisabled === undefined ? undefined : !booleanAt(isDisabled, `${at}disable_parallel_tool_use`);
  return { toolChoice: create(ToolChoiceSchema, { mode, toolNames }), parallelToolCalls };
}
