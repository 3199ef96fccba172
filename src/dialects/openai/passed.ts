import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { booleanAt, oneOf, read, saysAny, structAt, textAt, type Json } from "./read.ts";

const tierOf = oneOf({ auto: "auto", default: "default", flex: "flex", scale: "scale", priority: "priority", fast: "fast" });

/** Fields of OpenAI's about what an answer costs and where it is kept, and how each is read; they never change what it says. */
const passed: Readonly<Record<string, (value: unknown, path: string) => JsonValue>> = {
  service_tier: tierOf,
  store: booleanAt,
  prediction: structAt,
  verbosity: textAt,
  prompt_cache_retention: textAt,
  prompt_cache_options: structAt,
};

const fields = Object.entries(passed);
const names = new Set(Object.keys(passed));

/** Options for an upstream named `openai`, which no other upstream knows. Undefined when the body has none. */
export function providerOptionsFromOpenAI(body: Json): JsonObject | undefined {
  if (!saysAny(body, names)) return undefined;
  let openai: JsonObject | undefined;
  for (const [name, as] of fields) {
    const value = read(body, name, as);
    if (value !== undefined) (openai ??= {})[name] = value;
  }
  return openai === undefined ? undefined : { openai };
}
