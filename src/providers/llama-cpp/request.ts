import { randomInt } from "node:crypto";
import { Priority, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ToolChoiceMode, type Function, type ResponseFormat } from "../../../gen/parley/v1/messages_pb.ts";
import type { Dry, Sampling } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import type {
  EngineConversation,
  EnginePrompt,
  EngineReasoningEffort,
  EngineTool,
  EngineToolChoice,
} from "../../engine/protocol/prompt.ts";
import type { EngineDry, EngineFormat, EngineRequest, EngineSampling } from "../../engine/protocol/request.ts";
import { refuseNoObject } from "./json-text.ts";
import { engineMessages } from "./messages.ts";

/** What a request gets that says nothing of it. */
export interface RequestDefaults {
  /** Absent: what the context leaves. */
  readonly maxTokens: number | undefined;
  readonly temperature: number | undefined;
}

/** The sampling of llama.cpp's own server, which users of these models know, and the contract's defaults: by the names that the contract and the engine share. */
const usual = { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05, presencePenalty: 0, frequencyPenalty: 0, repeatPenalty: 1 } as const;
/** The contract's default of `repeat_last_n`. */
const repeatLastTokens = 64;

/** Seeds of the engine; llama.cpp takes 4294967295 for "a random one". */
const seeds = 0xffff_ffff;

/** The request as the engine takes it. Throws `invalid_request` for messages that no template has a place for. */
export function engineRequest(request: ChatRequest, defaults: RequestDefaults, tenant: string): EngineRequest {
  const { topLogprobs } = request;
  return {
    prompt: enginePrompt(request),
    sampling: engineSampling(request.sampling, defaults),
    seeds: seedsOf(request.sampling?.seed, request.choices ?? 1),
    ...engineEnds(request, defaults),
    format: engineFormat(request.responseFormat),
    ...(topLogprobs !== undefined && { topLogprobs }),
    tenant,
    echo: request.rawPrompt?.echo ?? false,
    priority: request.priority === Priority.BATCH ? "batch" : "interactive",
    includeProgress: request.includeProgress,
  };
}

/** What ends an answer, and its thinking. */
function engineEnds(
  request: ChatRequest,
  defaults: RequestDefaults,
): Pick<EngineRequest, "maxTokens" | "minTokens" | "ignoreEos" | "stop" | "reasoningBudget"> {
  const { stop, minTokens = 0, ignoreEos = false, maxTokens = defaults.maxTokens } = request;
  const reasoningBudget = request.reasoning?.budgetTokens;
  return {
    stop,
    minTokens,
    ignoreEos,
    ...(maxTokens !== undefined && { maxTokens }),
    ...(reasoningBudget !== undefined && { reasoningBudget }),
  };
}

/** The prompt as the engine takes it. */
export function enginePrompt(request: ChatRequest): EnginePrompt {
  const { rawPrompt } = request;
  if (rawPrompt === undefined) return engineConversation(request);
  refuseWithRawPrompt(request);
  const { prompt, suffix } = rawPrompt;
  const more = suffix === undefined ? {} : { suffix };
  if (prompt.case === "text") return { type: "text", text: prompt.value, ...more };
  if (prompt.case === "tokenIds") return { type: "tokens", tokens: prompt.value.ids, ...more };
  throw invalidField("raw_prompt.prompt", "give text or token_ids");
}

/** What a chat template would be told has no place in a prompt that is passed as it is. */
function refuseWithRawPrompt({ tools, continueFinalMessage, chatTemplateOptions, reasoning }: ChatRequest): void {
  const said: readonly (readonly [field: string, isSaid: boolean])[] = [
    ["tools", tools.length > 0],
    ["continue_final_message", continueFinalMessage],
    ["chat_template_options", Object.keys(chatTemplateOptions ?? {}).length > 0],
    ["reasoning.effort", (reasoning?.effort ?? ReasoningEffort.UNSPECIFIED) !== ReasoningEffort.UNSPECIFIED],
  ];
  const field = said.find(([, isSaid]) => isSaid)?.[0];
  if (field !== undefined) throw invalidField(field, "says something to a chat template, and raw_prompt is passed without one");
}

/** What a conversation is made of. */
export type ConversationRequest = Pick<ChatRequest, "messages" | "tools"> & Partial<ChatRequest>;

/** The conversation as the engine takes it. Throws `invalid_request` for messages that no template has a place for. */
export function engineConversation(request: ConversationRequest): EngineConversation {
  const { parallelToolCalls, toolChoice, reasoning, chatTemplateOptions = {}, continueFinalMessage = false } = request;
  const effort = reasoning === undefined ? undefined : efforts[reasoning.effort];
  return {
    type: "messages",
    messages: engineMessages(request.messages),
    tools: request.tools.flatMap(({ tool }, index) => (tool.case === "function" ? [engineTool(tool.value, index)] : [])),
    toolChoice: engineToolChoice(toolChoice),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    continueFinalMessage,
    templateOptions: chatTemplateOptions,
    ...(effort !== undefined && { reasoningEffort: effort }),
  };
}

function engineToolChoice(choice: ChatRequest["toolChoice"]): EngineToolChoice {
  return choice === undefined ? { mode: "auto", names: [] } : { mode: modes[choice.mode] ?? "auto", names: choice.toolNames };
}

const modes: Readonly<Record<ToolChoiceMode, EngineToolChoice["mode"]>> = {
  [ToolChoiceMode.UNSPECIFIED]: "auto",
  [ToolChoiceMode.AUTO]: "auto",
  [ToolChoiceMode.NONE]: "none",
  [ToolChoiceMode.REQUIRED]: "required",
};

const efforts: Readonly<Record<ReasoningEffort, EngineReasoningEffort | undefined>> = {
  [ReasoningEffort.UNSPECIFIED]: undefined,
  [ReasoningEffort.NONE]: "none",
  [ReasoningEffort.MINIMAL]: "minimal",
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
  [ReasoningEffort.XHIGH]: "xhigh",
  [ReasoningEffort.MAX]: "max",
};

function engineFormat(responseFormat: ResponseFormat | undefined): EngineFormat {
  const format = responseFormat?.format;
  switch (format?.case) {
    case "jsonObject":
      return { type: "json-object" };
    case "jsonSchema":
      return { type: "json-schema", schema: format.value.schema };
    case "grammar":
      return { type: "grammar", gbnf: format.value.gbnf };
    default:
      return { type: "text" };
  }
}

function engineTool({ name, description, parameters, strict = false }: Function, index: number): EngineTool {
  if (parameters !== "") refuseNoObject(parameters, `tools[${index}].function.parameters`);
  return { name, description, parameters, strict };
}

function engineSampling(sampling: Sampling | undefined, { temperature = usual.temperature }: RequestDefaults): EngineSampling {
  const { logitBias = {}, xtc, dry, repeatLastN = repeatLastTokens, ...numbers } = sampling ?? {};
  const said = Object.entries(numbers).filter(([key, value]) => Object.hasOwn(usual, key) && value !== undefined);
  return {
    ...usual,
    temperature,
    ...Object.fromEntries(said),
    repeatLastTokens: repeatLastN,
    logitBias: Object.entries(logitBias).map(([token, logit]) => [Number(token), logit]),
    ...(xtc !== undefined && { xtc: { probability: xtc.probability, threshold: xtc.threshold } }),
    ...(dry !== undefined && dry.multiplier > 0 && { dry: engineDry(dry) }),
  };
}

function engineDry({ multiplier, base = 1.75, allowedLength = 2, lastN = 0x7fff_ffff, sequenceBreakers }: Dry): EngineDry {
  return {
    multiplier,
    base,
    allowedLength,
    lastTokens: lastN,
    sequenceBreakers: sequenceBreakers.length > 0 ? sequenceBreakers : ["\n", ":", '"', "*"],
  };
}

/** A seed for each choice: random ones, or those that follow from the one that was given. */
export function seedsOf(seed: bigint | undefined, choices: number): number[] {
  return Array.from({ length: choices }, (_, choice) => (seed === undefined ? randomInt(seeds) : mixed(seed, choice)));
}

/** Spreads neighbouring seeds and choices apart (the finalizer of splitmix64), so that no choice repeats that of another seed. */
function mixed(seed: bigint, choice: number): number {
  if (choice === 0 && seed >= 0n && seed < BigInt(seeds)) return Number(seed);
  let state = BigInt.asUintN(64, seed + BigInt(choice) * 0x9e37_79b9_7f4a_7c15n);
  state = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  state = BigInt.asUintN(64, (state ^ (state >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return Number((state ^ (state >> 31n)) % BigInt(seeds));
}
