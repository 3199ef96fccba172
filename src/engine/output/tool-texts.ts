import type { EngineTool, EngineToolCall, EngineToolChoice } from "../protocol/prompt.ts";
import { schemaOf } from "./tool-schema.ts";
import type { CallForm, ChatStyle } from "./styles.ts";

// What models are told of tools whose own template has no words for them.

/** Tools that a choice allows: all of them unless it names some, none when none may be called. */
export function allowedTools(tools: readonly EngineTool[], { mode, names }: EngineToolChoice): readonly EngineTool[] {
  if (mode === "none") return [];
  return names.length === 0 ? tools : tools.filter(({ name }) => names.includes(name));
}

/** The system text that tells a model of its tools and of how to call them; empty when it may call none. */
export function toolInstructions(style: ChatStyle, tools: readonly EngineTool[], choice: EngineToolChoice): string {
  const allowed = allowedTools(tools, choice);
  if (allowed.length === 0) return "";
  const form = callText(style.calls, { name: "<name of the function>", arguments: "<its arguments as a JSON object>" });
  return [
    "You can call these functions. Each line is one of them, with a JSON schema of its arguments:",
    ...allowed.map((tool) => described(tool, tools.indexOf(tool))),
    "",
    `To call a function, write nothing but this${style.calls.isParallel ? ", once for each call" : ""}:`,
    style.calls.begin + form + style.calls.end,
    choice.mode === "required"
      ? "Call a function now."
      : "Call one only when it helps to answer; otherwise answer in words. Its result is given to you in the next message.",
  ].join("\n");
}

function described(tool: EngineTool, index: number): string {
  const { name, description } = tool;
  const about = description === "" ? "" : `"description": ${JSON.stringify(description)}, `;
  return `{"name": ${JSON.stringify(name)}, ${about}"parameters": ${JSON.stringify(schemaOf(tool, index))}}`;
}

/** Calls as the style's models write them. */
export function callsText({ calls: form }: ChatStyle, calls: readonly EngineToolCall[]): string {
  return form.begin + calls.map((call) => callText(form, call)).join(form.separator) + form.end;
}

function callText({ before, between, after }: CallForm, { name, arguments: text }: Pick<EngineToolCall, "name" | "arguments">): string {
  return before + name + between + text + after;
}

/** What a call brought, as a message of the user's. */
export function resultText(name: string | undefined, text: string): string {
  return `<tool_response>${name === undefined ? "" : `\nfunction: ${name}`}\n${text}\n</tool_response>`;
}
