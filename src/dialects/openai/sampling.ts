import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { SamplingSchema, type DrySchema, type Sampling, type XtcSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { defined, integerAt, listAt, numberAt, objectAt, present, read, textAt, type Json } from "./read.ts";

/** Reads what says how tokens are drawn: OpenAI's fields, and those that vLLM and llama.cpp added. Undefined when the body has none of them. */
export function samplingFromOpenAI(body: Json): Sampling | undefined {
  const given = defined({
    temperature: read(body, "temperature", numberAt),
    topP: read(body, "top_p", numberAt),
    topK: read(body, "top_k", integerAt),
    minP: read(body, "min_p", numberAt),
    seed: read(body, "seed", seedAt),
    presencePenalty: read(body, "presence_penalty", numberAt),
    frequencyPenalty: read(body, "frequency_penalty", numberAt),
    repeatPenalty: repeatPenalty(body),
    repeatLastN: read(body, "repeat_last_n", integerAt),
    logitBias: read(body, "logit_bias", logitBiasAt),
    xtc: xtc(body),
    dry: dry(body),
  });
  return Object.keys(given).length === 0 ? undefined : create(SamplingSchema, given);
}

/** One number under two names: llama.cpp's and vLLM's. */
function repeatPenalty(body: Json): number | undefined {
  const llama = read(body, "repeat_penalty", numberAt);
  const vllm = read(body, "repetition_penalty", numberAt);
  if (llama !== undefined && vllm !== undefined && llama !== vllm)
    throw invalidField("repetition_penalty", `${vllm} contradicts repeat_penalty, ${llama}: send one of them`);
  return llama ?? vllm;
}

function seedAt(value: unknown, path: string): bigint {
  const seed = numberAt(value, path);
  if (!Number.isInteger(seed)) throw invalidField(path, `${seed} is not an integer`);
  // Above, the parser has rounded already, and another seed than the caller's would be honoured.
  if (!Number.isSafeInteger(seed)) throw invalidField(path, `is beyond ${Number.MAX_SAFE_INTEGER}, where numbers of JSON lose digits`);
  return BigInt(seed);
}

function logitBiasAt(value: unknown, path: string): Record<number, number> {
  const bias: Record<number, number> = {};
  for (const [token, amount] of Object.entries(objectAt(value, path))) {
    const id = Number(token);
    if (!/^\d{1,10}$/.test(token) || id > 2147483647) throw invalidField(path, `${JSON.stringify(token.slice(0, 64))} is not a token id`);
    bias[id] = numberAt(amount, `${path}.${token}`);
  }
  return bias;
}

function xtc(body: Json): MessageInitShape<typeof XtcSchema> | undefined {
  const probability = read(body, "xtc_probability", numberAt);
  const threshold = read(body, "xtc_threshold", numberAt);
  if (probability === undefined && threshold === undefined) return undefined;
  // llama.cpp's own defaults for the half that is not said.
  return { probability: probability ?? 0, threshold: threshold ?? 0.1 };
}

function dry(body: Json): MessageInitShape<typeof DrySchema> | undefined {
  const names = ["dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"];
  if (names.every((name) => present(body, name) === undefined)) return undefined;
  return defined({
    multiplier: read(body, "dry_multiplier", numberAt) ?? 0,
    base: read(body, "dry_base", numberAt),
    allowedLength: read(body, "dry_allowed_length", integerAt),
    lastN: wholeContext(read(body, "dry_penalty_last_n", integerAt)),
    sequenceBreakers: read(body, "dry_sequence_breakers", (value, path) =>
      listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`)),
    ),
  });
}

/** llama.cpp writes the whole context as -1; here it is the absence of a number. */
function wholeContext(lastN: number | undefined): number | undefined {
  return lastN === -1 ? undefined : lastN;
}
