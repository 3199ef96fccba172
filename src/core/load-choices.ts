import type { LoadOptions } from "../../gen/parley/v1/models_pb.ts";

/** How a model is loaded, as configured or as a load asks for it; any part may be left out. */
export type LoadChoices = { readonly [Key in keyof Omit<LoadOptions, "$typeName" | "$unknown">]?: LoadOptions[Key] | undefined };

/** Types of the key-value cache that llama.cpp computes with. */
export const kvTypes = ["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"] as const;

/** One of them. */
export type KvType = (typeof kvTypes)[number];

/** The type that a word means, in any case; undefined when it means none. */
export function kvTypeFrom(word: string): KvType | undefined {
  return kvTypes.find((type) => type === word.toLowerCase());
}

/** Something that cannot be chosen, and why. */
export interface LoadProblem {
  readonly key: keyof LoadChoices;
  readonly what: string;
}

const mostInt32 = 2 ** 31 - 1;
/** Of the platform's timers, 24 days; 0 is for ever. */
const mostSeconds = Math.floor(mostInt32 / 1000);
const ranges = {
  contextLength: [8, 16_777_216],
  sequences: [1, 256],
  batchTokens: [1, 65_536],
  threads: [1, 1024],
  gpuLayers: [0, mostInt32],
  keepAliveSeconds: [0, mostSeconds],
} as const satisfies Partial<Record<keyof LoadChoices, readonly [number, number]>>;

/** More adapters than anybody joins. */
const mostAdapters = 16;

/** What is wrong with choices by themselves; whether there is such an adapter or enough memory is found out later. */
export function* loadProblems(choices: LoadChoices): Generator<LoadProblem> {
  for (const [key, [min, max]] of Object.entries(ranges) as [keyof typeof ranges, readonly [number, number]][]) {
    const value = choices[key];
    if (value !== undefined && (value < min || value > max)) yield { key, what: `${value} is outside ${min} to ${max}` };
  }
  yield* kvProblems(choices);
  const { loraAdapters = [] } = choices;
  if (loraAdapters.length > mostAdapters) yield { key: "loraAdapters", what: `${loraAdapters.length} are more than ${mostAdapters}` };
  if (new Set(loraAdapters).size < loraAdapters.length) yield { key: "loraAdapters", what: "names an adapter twice" };
}

function* kvProblems({ kvType = "", flashAttention }: LoadChoices): Generator<LoadProblem> {
  if (kvType === "") return;
  const type = kvTypeFrom(kvType);
  if (type === undefined)
    yield { key: "kvType", what: `there is no type ${JSON.stringify(kvType.slice(0, 40))}; known are ${kvTypes.join(", ")}` };
  else if (/^i?q/.test(type) && flashAttention === false)
    yield { key: "kvType", what: `${type} needs flash attention: leave out flash_attention, or choose f16` };
}
