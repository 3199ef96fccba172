import { booleanAt, defined, integerAt, listAt, numberAt, objectAt, present, read, readAt, structAt, textAt, type Json } from "../read.ts";
import type { Told } from "./wire/response.ts";

/** What a response repeats of its request, every field of it, of a body that was read without refusal. */
export function toldOf(body: Json): Told {
  const told: Told = {
    ...toldSampling(body),
    ...toldLabels(body),
    instructions: read(body, "instructions", textAt) ?? null,
    parallel_tool_calls: read(body, "parallel_tool_calls", booleanAt) ?? true,
    tool_choice: toldChoice(present(body, "tool_choice") ?? "auto"),
    tools: (read(body, "tools", listAt) ?? []).map((tool, index) => toldTool(objectAt(tool, `tools[${index}]`))),
    max_tool_calls: read(body, "max_tool_calls", integerAt) ?? null,
    reasoning: toldReasoning(read(body, "reasoning", objectAt) ?? {}),
    text: toldText(read(body, "text", objectAt) ?? {}),
  };
  // Half a character of the body's must not leave again.
  return structAt(told, "body") as Told;
}

function toldSampling(body: Json) {
  return {
    temperature: read(body, "temperature", numberAt) ?? null,
    top_p: read(body, "top_p", numberAt) ?? null,
    presence_penalty: read(body, "presence_penalty", numberAt) ?? null,
    frequency_penalty: read(body, "frequency_penalty", numberAt) ?? null,
    max_output_tokens: read(body, "max_output_tokens", integerAt) ?? null,
    top_logprobs: read(body, "top_logprobs", integerAt) ?? 0,
  };
}

function toldLabels(body: Json) {
  return {
    metadata: (read(body, "metadata", objectAt) ?? {}) as Told["metadata"],
    prompt_cache_key: read(body, "prompt_cache_key", textAt) ?? null,
    prompt_cache_retention: (present(body, "prompt_cache_retention") ?? null) as Told["prompt_cache_retention"],
    safety_identifier: read(body, "safety_identifier", textAt) ?? null,
    ...defined({ user: read(body, "user", textAt) }),
  };
}

function toldReasoning(reasoning: Json): Told["reasoning"] {
  const summary = present(reasoning, "summary") ?? present(reasoning, "generate_summary") ?? null;
  const effort = present(reasoning, "effort") ?? null;
  return {
    effort: effort as Told["reasoning"]["effort"],
    summary: summary as Told["reasoning"]["summary"],
    generate_summary: null,
    context: null,
    mode: "standard",
  };
}

function toldTool(tool: Json): Told["tools"][number] {
  return {
    type: "function",
    name: tool["name"] as string,
    description: (present(tool, "description") ?? null) as string | null,
    parameters: (present(tool, "parameters") ?? null) as Record<string, unknown> | null,
    strict: (present(tool, "strict") ?? null) as boolean | null,
    allowed_callers: null,
    async: false,
    defer_loading: false,
    output_schema: null,
  };
}

function toldChoice(choice: unknown): Told["tool_choice"] {
  if (typeof choice === "string") return choice as "auto";
  const { type, name, mode, tools } = choice as Json;
  if (type === "function") return { type, name: name as string };
  const named = (tools as readonly Json[]).map((tool) => ({ type: "function" as const, name: tool["name"] as string }));
  return { type: "allowed_tools", mode: mode as "auto", tools: named };
}

function toldText(text: Json): Told["text"] {
  return { format: toldFormat(text), verbosity: (present(text, "verbosity") ?? "medium") as Told["text"]["verbosity"] };
}

function toldFormat(text: Json): Told["text"]["format"] {
  const format = readAt(text, { at: "text.", name: "format" }, objectAt);
  if (format === undefined) return { type: "text" };
  const { type, name, schema } = format;
  if (type !== "json_schema") return { type: type as "text" };
  return {
    type,
    name: name as string,
    description: (present(format, "description") ?? null) as string | null,
    schema: schema as Record<string, unknown>,
    strict: (present(format, "strict") ?? null) as boolean | null,
  };
}
