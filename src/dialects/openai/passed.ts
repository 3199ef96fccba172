import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { booleanAt, oneOf, read, saysAny, structAt, textAt, type Json } from "./read.ts";

const tierOf = oneOf({ auto: "auto", default: "default", flex: "flex", scale: "scale", priority: "priority", fast: "fast" });

const verbosityOf = oneOf({ low: "low", medium: "medium", high: "high" });

/** Fields of OpenAI's about what an answer costs, where it is kept and about how long it may be, and how each is read: hints, without which an answer is still one. */
const passed: Readonly<Record<string, (value: unknown, path: string) => JsonValue>> = {
  service_tier: tierOf,
  store: booleanAt,
  prediction: structAt,
  verbosity: verbosityOf,
  prompt_cache_retention: textAt,
  prompt_cache_options: structAt,
};

const fields = Object.entries(passed);
const names = new Set(Object.keys(passed));

/** Options for upstreams named `openai`, and for OpenRouter's what it knows of them too; no other upstream is told of them. Undefined when the body has none. */
export function providerOptionsFromOpenAI(body: Json): JsonObject | undefined {
  if (!saysAny(body, names)) return undefined;
  let openai: JsonObject | undefined;
  for (const [name, as] of fields) {
    const value = read(body, name, as);
    if (value !== undefined) (openai ??= {})[name] = value;
  }
  if (openai === undefined) return undefined;
  const { verbosity } = openai;
  return verbosity === undefined ? { openai } : { openai, openrouter: { verbosity } };
}
