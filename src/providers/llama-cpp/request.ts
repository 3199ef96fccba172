import { randomInt } from "node:crypto";
import { Priority, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { Role, type Message } from "../../../gen/parley/v1/messages_pb.ts";
import type { Sampling } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineMessage, EnginePrompt, EngineRequest, EngineSampling } from "../../engine/protocol.ts";

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
export function engineRequest(request: ChatRequest, defaults: RequestDefaults): EngineRequest {
  const maxTokens = request.maxTokens ?? defaults.maxTokens;
  return {
    prompt: enginePrompt(request),
    sampling: engineSampling(request.sampling, defaults),
    seeds: seedsOf(request.sampling?.seed, request.choices ?? 1),
    ...(maxTokens !== undefined && { maxTokens }),
    stop: request.stop,
    echo: request.rawPrompt?.echo ?? false,
    priority: request.priority === Priority.BATCH ? "batch" : "interactive",
    includeProgress: request.includeProgress,
  };
}

/** The prompt as the engine takes it. */
export function enginePrompt({ messages, rawPrompt }: ChatRequest): EnginePrompt {
  if (rawPrompt === undefined) return { type: "messages", messages: messages.map(engineMessage) };
  const { prompt, suffix } = rawPrompt;
  const more = suffix === undefined ? {} : { suffix };
  if (prompt.case === "text") return { type: "text", text: prompt.value, ...more };
  if (prompt.case === "tokenIds") return { type: "tokens", tokens: prompt.value.ids, ...more };
  throw invalidField("raw_prompt.prompt", "give text or token_ids");
}

function engineMessage(message: Message, index: number): EngineMessage {
  return { role: roleOf(message.role, index), text: message.parts.map(({ part }) => textOf(part)).join("") };
}

function roleOf(role: Role, index: number): EngineMessage["role"] {
  switch (role) {
    case Role.SYSTEM:
    case Role.DEVELOPER:
      return "system";
    case Role.USER:
      return "user";
    case Role.ASSISTANT:
      return "assistant";
    default:
      throw invalidField(`messages[${index}].role`, "local models take system, developer, user and assistant");
  }
}

/** The table of fields lets text and refusals through. */
function textOf(part: Message["parts"][number]["part"]): string {
  return part.case === "text" || part.case === "refusal" ? part.value.text : "";
}

function engineSampling(sampling: Sampling | undefined, { temperature = usual.temperature }: RequestDefaults): EngineSampling {
  const { logitBias = {}, xtc, repeatLastN = repeatLastTokens, ...numbers } = sampling ?? {};
  const said = Object.entries(numbers).filter(([key, value]) => Object.hasOwn(usual, key) && value !== undefined);
  return {
    ...usual,
    temperature,
    ...Object.fromEntries(said),
    repeatLastTokens: repeatLastN,
    logitBias: Object.entries(logitBias).map(([token, logit]) => [Number(token), logit]),
    ...(xtc !== undefined && { xtc: { probability: xtc.probability, threshold: xtc.threshold } }),
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
