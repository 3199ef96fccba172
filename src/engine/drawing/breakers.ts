import type { LlamaModel } from "node-llama-cpp";
import { tokenBytes } from "../tokens/token-bytes.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineSampling } from "../protocol/request.ts";
import { Recent } from "../recent.ts";
import type { Breakers } from "./dry.ts";

/** Of a longer breaker only the beginning counts, in bytes, and of its tokens the first after the head, as in llama.cpp. */
const mostBytes = 40;
const mostRest = 20;
/** Breakers of a model that are kept: new ones mean a look at the whole vocabulary. */
const mostKept = 64;
/** Breakers of one request. */
const mostBreakers = 16;

type Heads = Map<number, readonly (readonly number[])[]>;
const kept = new WeakMap<LlamaModel, Recent<Heads>>();

/** Refuses more breakers than the vocabulary can be looked through for. */
export function checkBreakers({ dry }: EngineSampling): void {
  const count = dry?.sequenceBreakers.length ?? 0;
  if (count > mostBreakers)
    throw invalidField("sampling.dry.sequence_breakers", `there are ${count}, and at most ${mostBreakers} are looked for`);
}

/** In which tokens the texts may begin, and with which tokens they go on. */
export function breakersOf(model: LlamaModel, texts: readonly string[]): Breakers {
  const known = kept.get(model) ?? new Recent<Heads>(mostKept);
  kept.set(model, known);
  const wanted = new Set(texts.filter((text) => text !== ""));
  learn(
    model,
    known,
    [...wanted].filter((text) => known.find(text) === undefined),
  );
  const all: Heads = new Map();
  for (const text of wanted) {
    for (const [token, rests] of known.find(text) ?? []) all.set(token, [...(all.get(token) ?? []), ...rests]);
  }
  return all;
}

/** Looks through the vocabulary for tokens that have one of the texts in them, or end with its beginning; of the latter it notes the tokens of what is left. */
function learn(model: LlamaModel, known: Recent<Heads>, texts: readonly string[]): void {
  if (texts.length === 0) return;
  const searched = texts.map((text) => {
    const heads: Heads = new Map();
    known.keep(text, heads);
    return { heads, bytes: Buffer.from(text).subarray(0, mostBytes) };
  });
  for (const token of model.iterateAllTokens()) {
    const own = tokenBytes(model, token);
    for (const { heads, bytes } of searched) {
      const rests = restsOf(own, bytes).map((length) => restTokens(model, bytes.subarray(length)));
      if (rests.length > 0) heads.set(token, rests);
    }
  }
}

/** How much of the text a token's end has, for each way in which it may; the whole of it where it stands inside. */
function restsOf(own: Buffer, wanted: Buffer): readonly number[] {
  if (own.includes(wanted)) return [wanted.length];
  const lengths: number[] = [];
  for (let length = Math.min(own.length, wanted.length - 1); length > 0; length--) {
    if (own.subarray(own.length - length).equals(wanted.subarray(0, length))) lengths.push(length);
  }
  return lengths;
}

function restTokens(model: LlamaModel, rest: Buffer): readonly number[] {
  return rest.length === 0 ? [] : model.tokenize(rest.toString(), false).slice(0, mostRest);
}
