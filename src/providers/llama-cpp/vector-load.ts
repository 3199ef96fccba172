import type { LoadChoices } from "../../core/load-choices.ts";
import type { ModelFile } from "../../core/ports.ts";
import { fault, unsupportedField } from "../../core/reasons.ts";
import { spareInputTokens, usualInputTokens, type EngineLoad } from "../../engine/protocol/load.ts";

/** Each context has buffers of its own. */
const mostContexts = 8;

/** Options that say how a model chats, and why they cannot say how another reads. */
const chatOptions = {
  batchTokens: ["batch_tokens", "an input is read in one decode, which has room for the whole context"],
  kvType: ["kv_type", "nothing of an input is kept"],
  flashAttention: ["flash_attention", "the engine's library decides it for contexts that make vectors"],
  loraAdapters: ["lora_adapters", "the engine's library takes no adapters for contexts that make vectors"],
  chatTemplate: ["chat_template", "it reads texts and no conversations"],
} as const satisfies Partial<Record<keyof LoadChoices, readonly [field: string, because: string]>>;

/**
 * The load of a model by what it is for: one that makes vectors or ranks has no sequences but contexts of its own, which read a whole input in one decode each.
 * As many compute side by side as there are threads. Throws `unsupported_field` for options that only a model that chats has.
 */
export function purposefulLoad(file: ModelFile, load: EngineLoad, choices: LoadChoices): EngineLoad {
  const { id, purpose, trainedContextLength = Infinity } = file;
  if (purpose === "chat") return load;
  for (const [key, [field, because]] of Object.entries(chatOptions))
    if (isSaid(choices[key as keyof typeof chatOptions]))
      throw unsupportedField(`options.${field}`, `model "${id}" does not chat: ${because}`);
  const contextLength = Math.min(load.contextLength ?? usualInputTokens, trainedContextLength);
  const sequences = load.sequences ?? Math.min(load.threads, mostContexts);
  return { ...load, purpose, contextLength, sequences, batchTokens: contextLength + spareInputTokens };
}

/**
 * The load of a model that chats in a second process, for vectors alone: inputs would hold up its streams, and take memory that nobody has counted.
 * One context, for that of a large vocabulary may take more than the model. Throws `model_state` for a model with adapters.
 */
export function besideChatLoad({ trainedContextLength = Infinity }: ModelFile, load: EngineLoad): EngineLoad {
  if ((load.loraAdapters?.length ?? 0) > 0)
    throw fault("model_state", "the model is loaded with LoRA adapters, which its vectors would not have: load it without them");
  const { kvType: _, flashAttention: __, chatTemplate: ___, prefixCache: ____, ...rest } = load;
  const contextLength = Math.min(load.contextLength ?? usualInputTokens, usualInputTokens, trainedContextLength);
  return { ...rest, purpose: "embed", givesWay: true, contextLength, sequences: 1, batchTokens: contextLength + spareInputTokens };
}

function isSaid(value: unknown): boolean {
  return value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0);
}

/** Threads of libuv: as many as contexts compute side by side. In a process that chats idle compute threads of a second one would spin against those of the first. */
export function libuvThreads({ purpose = "chat", sequences = 1 }: EngineLoad): number {
  return purpose === "chat" ? 1 : sequences;
}
