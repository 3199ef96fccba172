import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ToolChoiceMode, type Reasoning, type ResponseFormat, type Tool } from "../../../../gen/parley/v1/messages_pb.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { messagesToOllama } from "./messages.ts";
import { contextLengthOf, ollamaOptions } from "./options.ts";
import type { OllamaTraits } from "./traits.ts";
import type { ChatBody, GenerateBody, WireOptions, WireRequest, WireTool } from "./wire.ts";

interface Asking {
  readonly isStream: boolean;
  readonly traits: OllamaTraits;
}

/** A chat as `/api/chat` takes it. Throws `unsupported_field` and `invalid_request` naming the field. */
export function chatBody(request: ChatRequest, asking: Asking): ChatBody {
  const tools = toolsOf(request);
  return { ...shared(request, asking), messages: messagesToOllama(request.messages), ...(tools.length > 0 && { tools }) };
}

/** A raw prompt as `/api/generate` takes it. Throws as `chatBody` does. */
export function generateBody(request: ChatRequest, asking: Asking): GenerateBody {
  const prompt = request.rawPrompt?.prompt;
  if (prompt?.case !== "text") throw unsupportedField("raw_prompt", "Ollama takes prompts as text");
  if (request.tools.length > 0) throw unsupportedField("tools", "a raw prompt goes without a template, and only templates tell of tools");
  return { ...shared(request, asking), prompt: prompt.value, raw: true };
}

function shared(request: ChatRequest, { isStream, traits }: Asking): WireRequest {
  refuseUnknown(request);
  const { keepAlive, typicalP, ...said } = ollamaOptions(request.providerOptions, traits.optionKeys);
  const format = formatOf(request.responseFormat);
  const think = thinkOf(request.reasoning, traits);
  const contextLength = contextLengthOf(request, traits, said);
  const { topLogprobs } = request;
  return {
    model: request.model,
    stream: isStream,
    truncate: false,
    shift: false,
    options: {
      ...(contextLength !== undefined && { num_ctx: contextLength }),
      ...(request.maxTokens !== undefined && { num_predict: request.maxTokens }),
      ...(request.stop.length > 0 && { stop: request.stop }),
      ...drawnBy(request),
      ...(typicalP !== undefined && { typical_p: typicalP }),
    },
    ...(format !== undefined && { format }),
    ...(think !== undefined && { think }),
    ...(keepAlive !== undefined && { keep_alive: keepAlive }),
    ...(topLogprobs !== undefined && { logprobs: true as const, top_logprobs: topLogprobs }),
  };
}

function refuseUnknown({ choices = 1, minTokens = 0, ignoreEos = false, parallelToolCalls = true, toolChoice, tools }: ChatRequest): void {
  const refuse = (isAsked: boolean, field: string, because: string) => {
    if (isAsked) throw unsupportedField(field, because);
  };
  refuse(choices > 1, "choices", "Ollama writes one answer; ask several times");
  refuse(minTokens > 0, "min_tokens", "Ollama cannot keep a model from ending");
  refuse(ignoreEos, "ignore_eos", "Ollama cannot keep a model from ending");
  const mode = tools.length === 0 ? ToolChoiceMode.NONE : toolChoice?.mode;
  refuse(!parallelToolCalls && mode !== ToolChoiceMode.NONE, "parallel_tool_calls", "Ollama cannot keep a model to one call");
  refuse(mode === ToolChoiceMode.REQUIRED, "tool_choice", "Ollama leaves it to the model whether it calls a tool");
}

/** Where no tool may be called, none is told of; where only some may, only those. */
function toolsOf({ tools, toolChoice }: ChatRequest): WireTool[] {
  if (toolChoice?.mode === ToolChoiceMode.NONE) return [];
  const allowed = new Set(toolChoice?.toolNames);
  return tools.flatMap((tool, index) => {
    const wire = wireTool(tool, `tools[${index}]`);
    return allowed.size === 0 || allowed.has(wire.function.name) ? [wire] : [];
  });
}

function wireTool({ tool }: Tool, at: string): WireTool {
  if (tool.case !== "function") throw invalidField(at, "is of no known kind");
  const { name, description, parameters, strict } = tool.value;
  if (strict === true) throw unsupportedField(`${at}.function.strict`, "Ollama holds no call to its schema");
  const schema = parameters.trim() === "" ? { type: "object", properties: {} } : parsedJson(parameters);
  if (!isJsonObject(schema)) throw invalidField(`${at}.function.parameters`, "is no JSON object");
  return { type: "function", function: { name, description, parameters: schema } };
}

function drawnBy({ sampling }: ChatRequest): WireOptions {
  if (sampling === undefined) return {};
  const { temperature, topK, topP, minP, seed, presencePenalty, frequencyPenalty, repeatPenalty, repeatLastN } = sampling;
  const given = {
    temperature,
    top_k: topK,
    top_p: topP,
    min_p: minP,
    seed: seed === undefined ? undefined : seedOf(seed),
    presence_penalty: presencePenalty,
    frequency_penalty: frequencyPenalty,
    repeat_penalty: repeatPenalty,
    repeat_last_n: repeatLastN,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Numbers of JSON hold no larger ones, and negative ones mean a random seed there. */
function seedOf(seed: bigint): number {
  if (seed >= 0n && seed <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(seed);
  throw unsupportedField("sampling.seed", `Ollama takes seeds from 0 to ${Number.MAX_SAFE_INTEGER}`);
}

function formatOf(responseFormat: ResponseFormat | undefined): WireRequest["format"] {
  const format = responseFormat?.format;
  if (format?.case === "jsonObject") return "json";
  if (format?.case !== "jsonSchema") return undefined;
  const schema = parsedJson(format.value.schema);
  if (!isJsonObject(schema)) throw invalidField("response_format.json_schema.schema", "is no JSON object");
  return schema;
}

const levels: Readonly<Record<number, string>> = {
  [ReasoningEffort.MINIMAL]: "low",
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
  [ReasoningEffort.XHIGH]: "high",
  [ReasoningEffort.MAX]: "high",
};

/** Models without levels read each of them as yes. */
function thinkOf(reasoning: Reasoning | undefined, { thinking }: OllamaTraits): WireRequest["think"] {
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens } = reasoning;
  if (effort === ReasoningEffort.NONE || budgetTokens === 0) return false;
  if (budgetTokens !== undefined) throw unsupportedField("reasoning.budget_tokens", "Ollama has no budget of thinking; send an effort");
  const level = levels[effort];
  if (level === undefined) return undefined;
  return thinking === "levels" ? level : true;
}
