import type { JsonSchema } from "./json-schema.ts";

/** Values of a chart. */
export type Values = Readonly<Record<string, unknown>>;

type Section = Readonly<Record<string, unknown>>;

const section = (values: Values, name: string): Section => (values[name] ?? {}) as Section;

/** The same values without what the chart refuses since two of them contradict one another. */
export function consistent(values: Values): Values {
  const drain = { ...section(values, "drain"), preStopSeconds: 10, seconds: 60 };
  const existingConfig = section(values, "existingConfig");
  const isWhole = (existingConfig["secret"] ?? "") !== "";
  return {
    ...values,
    ...scaled(values),
    ...reached(values),
    drain,
    models: modelsOf(values),
    replicas: 2,
    ...(isWhole ? { config: {} } : { config: { ...section(values, "config"), models: { defaultProvider: "echo" } } }),
    environment: without(section(values, "environment"), "LLM_DEFAULT_PROVIDER"),
  };
}

function without(from: Section, name: string): Section {
  return Object.fromEntries(Object.entries(from).filter(([key]) => key !== name));
}

function scaled(values: Values): Values {
  const autoscaling = { ...section(values, "autoscaling"), minReplicas: 2, maxReplicas: 9, scaleDownSeconds: 600 };
  return { autoscaling: { ...autoscaling, cpuPercent: 50 } };
}

function reached(values: Values): Values {
  const route = (name: string) => ({ ...section(values, name), parentRefs: [{ name: "gateway" }] });
  return {
    ingress: { ...section(values, "ingress"), hosts: ["llm.example"] },
    httpRoute: route("httpRoute"),
    grpcRoute: route("grpcRoute"),
  };
}

function modelsOf(values: Values): Section {
  const models = section(values, "models");
  const file = { url: "https://models.example/a.gguf", sha256: "0".repeat(64) };
  return {
    ...models,
    download: { ...section(models, "download"), files: [file] },
    claim: { ...section(models, "claim"), accessModes: ["ReadWriteMany"] },
    image: { ...section(models, "image"), reference: "registry.example/models:1" },
  };
}

/** Values of which one is wrong. */
export interface Spoiled {
  readonly values: Values;
  /** What the refusal must say: the key's name. */
  readonly says: string;
}

/** So many values with one mistake each, all in different places: unknown keys, and wrong values of known ones. */
export function spoiled(schema: JsonSchema, count: number): readonly Spoiled[] {
  const places = [...placesOf(schema, [])];
  const step = places.length / count;
  return Array.from({ length: count }, (_, index) => spoiledAt(places[Math.floor(index * step)] ?? places[0]!, index));
}

interface Place {
  readonly path: readonly string[];
  readonly schema: JsonSchema;
}

/** Every place of the values that is reached by names alone. */
function* placesOf(schema: JsonSchema, path: readonly string[]): Generator<Place> {
  if (path.length > 0) yield { path, schema };
  const properties = (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
  for (const [name, property] of Object.entries(properties)) if (name !== "global") yield* placesOf(property, [...path, name]);
}

function spoiledAt({ path, schema }: Place, index: number): Spoiled {
  const isClosed = schema["additionalProperties"] === false;
  const unknown = `misspelt${index}`;
  if (isClosed) return { values: nested(path, { [unknown]: 1 }), says: unknown };
  // No place takes both a list and a map.
  const wrong = schema["type"] === "array" ? { of: "a map" } : ["a list"];
  return { values: nested(path, wrong), says: path.at(-1) ?? "" };
}

function nested(path: readonly string[], value: unknown): Values {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Values;
}
