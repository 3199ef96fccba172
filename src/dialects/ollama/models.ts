import { Capability, ModelState, type Model } from "../../../gen/parley/v1/models_pb.ts";
import { isLocalProvider } from "../../core/local-providers.ts";
import type { ModelFacts, ModelMetadata } from "../../core/ports.ts";
import { detailsOf } from "./details.ts";
import { withTag } from "./names.ts";
import { timeText, unknownTime } from "./times.ts";
import type { ListedModel, RunningModel, Shown } from "./wire/models.ts";

/** A model with what is known of its file. */
export interface KnownModel {
  readonly model: Model;
  /** Undefined for one that is not on this machine. */
  readonly facts: ModelFacts | undefined;
}

/** How a text becomes a digest: SHA-256 in lower-case hex. */
export type Digest = (text: string) => string;

/** As far ahead as the longest time of Go: "never" here. */
const foreverMs = 292 * 365.25 * 86_400_000;

const capabilities: Readonly<Partial<Record<Capability, string>>> = {
  [Capability.CHAT]: "completion",
  [Capability.EMBED]: "embedding",
  [Capability.TOOLS]: "tools",
  [Capability.VISION]: "vision",
  [Capability.REASONING]: "thinking",
};

/** Whether a model is more than an entry of the catalog. */
export function isListed({ state }: Model): boolean {
  return state !== ModelState.CATALOG && state !== ModelState.PULLING;
}

/** Whether a model is in this machine's memory. */
export function isRunning({ model: { provider, memoryBytes } }: KnownModel): boolean {
  return isLocalProvider(provider) && memoryBytes !== undefined;
}

/** A model of `/api/tags`. */
export function listedModel(known: KnownModel, digest: Digest): ListedModel {
  return {
    ...namedModel(known, digest),
    modified_at: modifiedAt(known.model),
    size: Number(known.model.sizeBytes ?? 0n),
    capabilities: capabilitiesOf(known.model),
  };
}

/** A model of `/api/ps`. */
export function runningModel(known: KnownModel, digest: Digest, nowMs: number): RunningModel {
  const { model, facts } = known;
  return {
    ...namedModel(known, digest),
    size: Number(model.memoryBytes ?? 0n),
    expires_at: new Date(facts?.stay?.untilMs ?? nowMs + foreverMs).toISOString(),
    size_vram: facts?.stay?.vramBytes ?? 0,
    context_length: model.contextLength ?? 0,
  };
}

function namedModel({ model, facts }: KnownModel, digest: Digest) {
  const name = withTag(model.id);
  return { name, model: name, digest: digestOf(model, digest), details: detailsOf(facts) };
}

function digestOf({ id, provider, sizeBytes, created, sha256 }: Model, digest: Digest): string {
  return sha256 === "" ? digest(JSON.stringify([id, provider, String(sizeBytes ?? ""), String(created?.seconds ?? "")])) : sha256;
}

function modifiedAt({ created }: Model): string {
  return created === undefined ? unknownTime : timeText(created);
}

function capabilitiesOf(model: Model): string[] {
  return model.capabilities.flatMap((capability) => capabilities[capability] ?? []);
}

const templateKey = "tokenizer.chat_template";

/** The answer of `/api/show`. What a model's file says of it is told; nothing is made up. */
export function shownModel({ model, facts }: KnownModel, metadata: ModelMetadata | undefined): Shown {
  const told = metadata?.get(templateKey);
  const template = typeof told === "string" ? told : "";
  return {
    modelfile: modelfile(model, template),
    template,
    ...(model.licence !== "" && { license: model.licence }),
    details: detailsOf(facts),
    model_info: infoOf(model, facts, metadata),
    capabilities: capabilitiesOf(model),
    modified_at: modifiedAt(model),
  };
}

/** Where it comes from, in the words of a Modelfile. */
function modelfile({ id, licence }: Model, template: string): string {
  const text = (word: string, value: string) => (value === "" ? [] : [`${word} """${value}"""`]);
  return [`FROM ${id}`, ...text("TEMPLATE", template), ...text("LICENSE", licence)].join("\n") + "\n";
}

/** The header of its file; of a model elsewhere no more than its context. */
function infoOf({ contextLength }: Model, facts: ModelFacts | undefined, metadata: ModelMetadata = new Map()): Record<string, unknown> {
  const header = [...metadata].filter(([key, value]) => key !== templateKey && (typeof value !== "number" || Number.isFinite(value)));
  return {
    ...Object.fromEntries(header),
    ...(facts?.parameterCount !== undefined && { "general.parameter_count": facts.parameterCount }),
    ...(facts === undefined && contextLength !== undefined && { "general.context_length": contextLength }),
  };
}
