import { create } from "@bufbuild/protobuf";
import { LoadOptionsSchema, type LoadOptions } from "../../../gen/parley/v1/models_pb.ts";
import { loadProblems, type LoadChoices } from "../../core/load-choices.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { booleanAt, defined, integerAt, objectAt, present, readAt, type Json } from "../openai/read.ts";

/** Where a body has them. */
const at = "load_model_configs";

/** What is said of loading, by the names of llama-cpp-python, and what of ours it is. */
const names = {
  n_ctx: "contextLength",
  n_batch: "batchTokens",
  n_threads: "threads",
  n_gpu_layers: "gpuLayers",
  flash_attn: "flashAttention",
  use_mmap: "useMmap",
} as const satisfies Record<string, keyof LoadChoices>;

/** Says nothing to us: what is logged is set by the operator. */
const ignored: ReadonlySet<string> = new Set(["verbose"]);

/** All layers, however many a model has. */
const allLayers = 2 ** 31 - 1;

/** Reads `load_model_configs`; undefined where they say nothing. Names that are not honoured are refused: a model that is loaded otherwise than was asked answers otherwise. */
export function loadOptionsFrom(body: Json): LoadOptions | undefined {
  const given = present(body, at);
  if (given === undefined) return undefined;
  const configs = objectAt(given, at);
  for (const name of Object.keys(configs)) {
    if (present(configs, name) === undefined || Object.hasOwn(names, name)) continue;
    if (!ignored.has(name)) throw unsupportedField(`${at}.${name.slice(0, 64)}`, `a load knows ${Object.keys(names).join(", ")}`);
    readAt(configs, { at: `${at}.`, name }, booleanAt);
  }
  const integer = (name: keyof typeof names) => readAt(configs, { at: `${at}.`, name }, integerAt);
  const boolean = (name: keyof typeof names) => readAt(configs, { at: `${at}.`, name }, booleanAt);
  const layers = integer("n_gpu_layers");
  const context = integer("n_ctx");
  const choices = defined({
    // llama-cpp-python writes "as the model was trained" as 0, and "all layers" as -1.
    contextLength: context === 0 ? undefined : context,
    gpuLayers: layers === -1 ? allLayers : layers,
    batchTokens: integer("n_batch"),
    threads: integer("n_threads"),
    flashAttention: boolean("flash_attn"),
    useMmap: boolean("use_mmap"),
  });
  for (const { key, what } of loadProblems(choices)) throw invalidField(`${at}.${nameOf(key)}`, what);
  return Object.keys(choices).length === 0 ? undefined : create(LoadOptionsSchema, choices);
}

function nameOf(key: keyof LoadChoices): string {
  return Object.entries(names).find(([, ours]) => ours === key)?.[0] ?? key;
}
