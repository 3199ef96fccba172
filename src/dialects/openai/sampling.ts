import { create } from "@bufbuild/protobuf";
import { DrySchema, XtcSchema, type Dry, type Sampling, type Xtc } from "../../../gen/parley/v1/sampling_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { defined, integerAt, listAt, numberAt, objectAt, present, read, saysAny, textAt, type Json } from "./read.ts";

/** Reads what says how tokens are drawn: OpenAI's fields, and those that vLLM and llama.cpp added. Undefined when the body has none of them. */
export function samplingFromOpenAI(body: Json): Sampling | undefined {
  if (!saysAny(body, names)) return undefined;
  const given = {
    temperature: read(body, "temperature", numberAt),
    topP: read(body, "top_p", numberAt),
    seed: read(body, "seed", seedAt),
    presencePenalty: read(body, "presence_penalty", numberAt),
    frequencyPenalty: read(body, "frequency_penalty", numberAt),
    ...(saysAny(body, rareNames) && rareFields(body)),
  };
  if (Object.values(given).every((value) => value === undefined)) return undefined;
  return { $typeName: "parley.v1.Sampling", logitBias: {}, ...defined(given) };
}

/** What few requests say. */
function rareFields(body: Json): Partial<Sampling> {
  return defined({
    topK: read(body, "top_k", integerAt),
    minP: read(body, "min_p", numberAt),
    repeatPenalty: repeatPenalty(body),
    repeatLastN: read(body, "repeat_last_n", integerAt),
    logitBias: read(body, "logit_bias", logitBiasAt),
    xtc: xtc(body),
    dry: dry(body),
  });
}

const dryNames = ["dry_multiplier", "dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers"];
const rareNames: ReadonlySet<string> = new Set([
  ...["top_k", "min_p", "repeat_penalty", "repetition_penalty", "repeat_last_n", "logit_bias", "xtc_probability", "xtc_threshold"],
  ...dryNames,
]);
const names: ReadonlySet<string> = new Set(["temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", ...rareNames]);

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

function xtc(body: Json): Xtc | undefined {
  const probability = read(body, "xtc_probability", numberAt);
  const threshold = read(body, "xtc_threshold", numberAt);
  if (probability === undefined && threshold === undefined) return undefined;
  // llama.cpp's own defaults for the half that is not said.
  return create(XtcSchema, { probability: probability ?? 0, threshold: threshold ?? 0.1 });
}

function dry(body: Json): Dry | undefined {
  if (dryNames.every((name) => present(body, name) === undefined)) return undefined;
  const given = defined({
    multiplier: read(body, "dry_multiplier", numberAt) ?? 0,
    base: read(body, "dry_base", numberAt),
    allowedLength: read(body, "dry_allowed_length", integerAt),
    lastN: wholeContext(read(body, "dry_penalty_last_n", integerAt)),
    sequenceBreakers: read(body, "dry_sequence_breakers", (value, path) =>
      listAt(value, path).map((item, index) => textAt(item, `${path}[${index}]`)),
    ),
  });
  return create(DrySchema, given);
}

/** llama.cpp writes the whole context as -1; here it is the absence of a number. */
function wholeContext(lastN: number | undefined): number | undefined {
  return lastN === -1 ? undefined : lastN;
}
