import { create, type JsonObject } from "@bufbuild/protobuf";
import { SamplingSchema, type Sampling } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, listAt, numberAt, objectAt, present, read, readAt, textAt, type Json } from "../openai/read.ts";

/** What `options` says, for a request of ours. */
export interface ReadOptions {
  readonly sampling?: Sampling;
  readonly maxTokens?: number;
  readonly stop?: string[];
  /** What only upstreams that speak this format know. */
  readonly options: JsonObject;
}

const at = "options.";

/** Options that would change an answer and cannot be honoured, and the values of them that ask for nothing. How the server is to run a model changes no answer. */
const refusals: Readonly<Record<string, { readonly because: string; readonly neutral: readonly unknown[] }>> = {
  mirostat: { because: "send temperature, top_k, top_p or min_p", neutral: [0] },
  tfs_z: { because: "send top_p or min_p", neutral: [1] },
  penalize_newline: { because: "send repeat_penalty", neutral: [false, true] },
};

/** How Ollama is to run a model: it changes no answer, and is read and passed over. */
const running: Readonly<Record<string, (value: unknown, path: string) => unknown>> = {
  num_keep: integerAt,
  num_batch: integerAt,
  num_gpu: integerAt,
  main_gpu: integerAt,
  num_thread: integerAt,
  draft_num_predict: integerAt,
  numa: booleanAt,
  use_mmap: booleanAt,
  use_mlock: booleanAt,
  low_vram: booleanAt,
  f16_kv: booleanAt,
  logits_all: booleanAt,
  vocab_only: booleanAt,
};

/** Reads `options`. Throws `invalid_request` and `unsupported_field` by their names there. */
export function optionsFromOllama(body: Json): ReadOptions {
  const options = read(body, "options", objectAt);
  if (options === undefined) return { options: {} };
  for (const [name, { because, neutral }] of Object.entries(refusals)) {
    const value = present(options, name);
    if (value !== undefined && !neutral.includes(value)) throw unsupportedField(at + name, because);
  }
  for (const [name, as] of Object.entries(running)) readAt(options, { at, name }, as);
  return {
    ...defined({ sampling: samplingAt(options), maxTokens: predicted(options), stop: readAt(options, { at, name: "stop" }, stopAt) }),
    options: defined({
      num_ctx: readAt(options, { at, name: "num_ctx" }, integerAt),
      typical_p: readAt(options, { at, name: "typical_p" }, numberAt),
    }),
  };
}

function samplingAt(options: Json): Sampling | undefined {
  const number = (name: string) => readAt(options, { at, name }, numberAt);
  const given = defined({
    temperature: number("temperature"),
    topP: number("top_p"),
    topK: topK(readAt(options, { at, name: "top_k" }, integerAt)),
    minP: number("min_p"),
    seed: readAt(options, { at, name: "seed" }, seedAt),
    presencePenalty: number("presence_penalty"),
    frequencyPenalty: number("frequency_penalty"),
    repeatPenalty: number("repeat_penalty"),
    repeatLastN: lastN(readAt(options, { at, name: "repeat_last_n" }, integerAt)),
  });
  return Object.keys(given).length === 0 ? undefined : create(SamplingSchema, given);
}

/** Below 0 a seed is drawn. */
function seedAt(value: unknown, path: string): bigint | undefined {
  const seed = numberAt(value, path);
  if (!Number.isInteger(seed)) throw invalidField(path, `${seed} is no whole number`);
  return seed < 0 ? undefined : BigInt(seed);
}

/** -1 is the whole context, which here is as far as penalties can look. */
function lastN(count: number | undefined): number | undefined {
  return count === -1 ? 2 ** 31 - 1 : count;
}

/** At 0 and below it is off, which here is 0. */
function topK(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.max(0, count);
}

/** At 0 and below there is no limit, as Ollama's own runner has it. */
function predicted(options: Json): number | undefined {
  const count = readAt(options, { at, name: "num_predict" }, integerAt);
  return count === undefined || count <= 0 ? undefined : count;
}

function stopAt(value: unknown, path: string): string[] {
  if (typeof value === "string") return [textAt(value, path)];
  return listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`));
}
