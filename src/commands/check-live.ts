import { trace } from "@opentelemetry/api";
import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import type { Model } from "../../gen/parley/v1/models_pb.ts";
import type { LoadedConfig } from "../config.ts";
import { systemClock } from "../core/clock.ts";
import { anonymous, callContext, callRecord, type Call } from "../core/context.ts";
import { EmbedRequestSchema, type EmbedResponse } from "../../gen/parley/v1/embeddings_pb.ts";
import { only } from "../core/stream.ts";
import { embedKind } from "../core/unary-kinds.ts";
import { chatKind } from "../core/kinds.ts";
import type { Settings } from "../config/settings.ts";
import { leadsOf } from "../routing/naming/names.ts";
import type { Provider } from "../core/ports.ts";
import { asFault, fault, reasonOf, type Reason } from "../core/reasons.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";
import { nearest } from "../environment/nearest.ts";
import { openUpstreams } from "../service-upstreams.ts";

/** What an upstream said to one of its keys. */
export interface LiveResult {
  /** The upstream's name, and the number of the key where there is one. */
  readonly asked: string;
  readonly isFine: boolean;
  /** What is well, or what the operator has to do. */
  readonly what: string;
}

/** A word is enough to know that key, model and account are well; models that think first may need more, and their refusal of so few is an answer too. */
const fewTokens = 1;

/**
 * Asks every upstream with each of its keys, all at once: for its models, and for one short answer of each model that the configuration names there,
 * since keys that may list need not be allowed to ask. Of those that only `models` names it asks for what is not listed.
 */
export async function checkLive(loaded: LoadedConfig): Promise<readonly LiveResult[]> {
  const { settings } = loaded;
  const upstreams = openUpstreams({ loaded, clock: systemClock });
  try {
    const asked = upstreams.flatMap(({ name, providers, hasKeys }) => {
      const upstream = settings.upstreams.find((each) => each.name === name);
      if (upstream === undefined) return [];
      return providers.map((provider, index) => {
        const key = hasKeys ? index + 1 : 0;
        const models = namedModels(settings, upstream, key);
        return check(provider, { settings: upstream, models, asked: hasKeys ? `${name} key ${key}` : name });
      });
    });
    return await Promise.all(asked);
  } finally {
    await Promise.all(upstreams.flatMap(({ providers }) => providers.map((provider) => provider.close())));
  }
}

/** The results, a line each. */
export function liveText(results: readonly LiveResult[]): string {
  const width = Math.max(0, ...results.map(({ asked }) => asked.length));
  return results.map(({ asked, isFine, what }) => `${asked.padEnd(width)}  ${isFine ? "fine" : "FAILS"}: ${what}`).join("\n");
}

interface Checked {
  readonly settings: UpstreamSettings;
  /** Models that are asked whatever is listed. */
  readonly models: readonly string[];
  readonly asked: string;
}

async function check(provider: Provider, { settings, models, asked }: Checked): Promise<LiveResult> {
  const question = (model: string) => settled(() => oneWord(provider, settings, model)).then((answer) => ({ ...answer, model }));
  const listing = settled(() => provider.listModels(new AbortController().signal));
  const first = models.map(question);
  const list = await listing;
  const listed = list.value?.map(({ id }) => id) ?? [];
  const others = settings.models.filter((model) => !models.includes(model) && !listed.includes(model));
  const answers = await Promise.all([...first, ...others.map(question)]);
  const failures = answers.filter(({ error }) => error !== undefined && !isAnswerToo(error));
  if (failures.length > 0) {
    const words = failures.map(({ error, model }) => `${wordsOf(error)}${suggestion(error, model, list.value)}`);
    return { asked, isFine: false, what: [...new Set(words)].join("; ") };
  }
  if (answers.length === 0 && list.error !== undefined) return { asked, isFine: false, what: wordsOf(list.error) };
  return { asked, isFine: true, what: [answerText(answers.map(({ model }) => model)), listText(list.value)].join(", ") };
}

interface Settled<Value> {
  readonly value?: Value;
  readonly error?: unknown;
}

async function settled<Value>(work: () => Promise<Value>): Promise<Settled<Value>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

/** A word of a model; a model that makes vectors says none, and makes one. */
async function oneWord(provider: Provider, { name, times }: UpstreamSettings, model: string): Promise<void> {
  const parts = [{ part: { case: "text" as const, value: { text: "Say OK" } } }];
  const chat = create(ChatRequestSchema, { model, maxTokens: fewTokens, messages: [{ role: Role.USER, parts }] });
  const limit = new AbortController();
  const late = () => limit.abort(fault("provider_timeout", `${name} did not answer within ${times.wholeMs} ms`, { provider: name }));
  const cancel = systemClock.after(times.wholeMs, late);
  const call = { ...ownCall(), signal: limit.signal };
  try {
    const { error } = await settled(() => spoken(provider.generate(chat, callContext(call, chatKind, chat))));
    const vector = error !== undefined && makesVectors(error) ? await settled(() => oneVector(provider, model, call)) : undefined;
    if (error !== undefined && vector?.value === undefined) throw error;
  } finally {
    cancel();
  }
}

async function spoken(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

/** Whether a refusal to chat may be one of a model that makes vectors alone. */
function makesVectors(error: unknown): boolean {
  return ["model_not_found", "provider_error", "provider_malformed"].includes(reasonOf(error));
}

async function oneVector({ embed }: Provider, model: string, call: Call): Promise<EmbedResponse | undefined> {
  const request = create(EmbedRequestSchema, { model, inputs: [{ input: { case: "text", value: "OK" } }] });
  return embed === undefined ? undefined : only(embed(request, callContext(call, embedKind, request)));
}

/** A call that no door has made. */
function ownCall() {
  return {
    ...{ requestId: "check", procedure: "parley serve --check --live", protocol: "none", caller: anonymous(true) },
    ...{ startedMs: systemClock.now(), deadlineMs: undefined, span: trace.getTracer("parley").startSpan("check") },
    ...{ upstreamKey: undefined, hops: 0, idempotencyKey: undefined, record: callRecord() },
  };
}

/** Refusals of this very request: who looks at it so closely has let key and model pass. */
const answersToo: ReadonlySet<Reason> = new Set(["invalid_request", "unsupported_field", "context_length_exceeded", "content_filtered"]);

function isAnswerToo(error: unknown): boolean {
  return answersToo.has(reasonOf(error));
}

function wordsOf(error: unknown): string {
  return asFault(error).rawMessage;
}

function suggestion(error: unknown, model: string, list: readonly Model[] | undefined): string {
  if (list === undefined || reasonOf(error) !== "model_not_found") return "";
  const ids = list.map(({ id }) => id);
  const near = nearest(model, ids);
  return near === undefined ? `; it lists ${ids.slice(0, 5).join(", ") || "none"}` : `; did you mean ${near}`;
}

function answerText(models: readonly string[]): string {
  if (models.length === 0) return "no model to ask";
  return models.map((model) => (model === "" ? "it answers" : `${model} answers`)).join(", ");
}

/** Models of an upstream that a request without a model, a route or an alias leads to with one of its keys. */
function namedModels(
  { routes, aliases, upstreams, defaultProvider }: Settings,
  { name, defaultModel }: UpstreamSettings,
  key: number,
): string[] {
  const rules = { routes, aliases: {}, upstreams, defaultProvider };
  const leads = Object.values(aliases).flatMap((meant) => leadsOf(meant, rules));
  const ofAliases = leads.flatMap((lead) => (lead.is === "there" && lead.upstream === name ? [lead.model] : []));
  const targets = routes.flatMap((route) => route.targets).filter((target) => target.upstream === name);
  const ofRoutes = targets.filter((target) => target.key === undefined || target.key === key).map(({ model }) => model);
  return [...new Set([...(defaultModel === undefined ? [] : [defaultModel]), ...ofRoutes, ...ofAliases])];
}

function listText(models: readonly Model[] | undefined): string {
  if (models === undefined) return "its models are not listed";
  return models.length === 1 ? "1 model is listed" : `${models.length} models are listed`;
}
