import { trace } from "@opentelemetry/api";
import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import type { Model } from "../../gen/parley/v1/models_pb.ts";
import type { LoadedConfig } from "../config.ts";
import { systemClock } from "../core/clock.ts";
import { anonymous, callContext, callRecord } from "../core/context.ts";
import { chatKind } from "../core/kinds.ts";
import type { Provider } from "../core/ports.ts";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";
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

/** Asks every upstream with each of its keys, all at once: for its models, and for one short answer of its default model, since keys that may list need not be allowed to ask. */
export async function checkLive(loaded: LoadedConfig): Promise<readonly LiveResult[]> {
  const upstreams = openUpstreams({ loaded, clock: systemClock });
  try {
    const asked = upstreams.flatMap(({ name, providers, hasKeys }) => {
      const settings = loaded.settings.upstreams.find((each) => each.name === name);
      if (settings === undefined) return [];
      return providers.map((provider, index) => check(provider, settings, hasKeys ? `${name} key ${index + 1}` : name));
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

async function check(provider: Provider, settings: UpstreamSettings, asked: string): Promise<LiveResult> {
  const { defaultModel } = settings;
  const [list, answer] = await Promise.all([
    settled(() => provider.listModels(new AbortController().signal)),
    defaultModel === undefined ? undefined : settled(() => oneWord(provider, settings, defaultModel)),
  ]);
  const failure = answer?.error === undefined || isAnswerToo(answer.error) ? undefined : answer.error;
  if (failure !== undefined) return { asked, isFine: false, what: `${wordsOf(failure)}${suggestion(failure, defaultModel, list.value)}` };
  if (answer === undefined && list.error !== undefined) return { asked, isFine: false, what: wordsOf(list.error) };
  return { asked, isFine: true, what: [answerText(answer, defaultModel), listText(list.value)].filter(Boolean).join(", ") };
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

async function oneWord(provider: Provider, { times }: UpstreamSettings, model: string): Promise<void> {
  const parts = [{ part: { case: "text" as const, value: { text: "Say OK" } } }];
  const request = create(ChatRequestSchema, { model, maxTokens: fewTokens, messages: [{ role: Role.USER, parts }] });
  const signal = AbortSignal.timeout(times.wholeMs);
  for await (const _ of provider.generate(request, callContext({ ...ownCall(), signal }, chatKind, request)));
}

/** A call that no door has made. */
function ownCall() {
  return {
    ...{ requestId: "check", procedure: "parley serve --check --live", protocol: "none", caller: anonymous(true) },
    ...{ startedMs: systemClock.now(), deadlineMs: undefined, span: trace.getTracer("parley").startSpan("check") },
    ...{ upstreamKey: undefined, hops: 0, idempotencyKey: undefined, record: callRecord() },
  };
}

/** Whether a refusal is of this very request: who looks at it so closely has let key and model pass. */
function isAnswerToo(error: unknown): boolean {
  const reason = reasonOf(error);
  return reason !== "model_not_found" && reasons[reason].fault === "caller";
}

function wordsOf(error: unknown): string {
  return asFault(error).rawMessage;
}

function suggestion(error: unknown, model: string | undefined, list: readonly Model[] | undefined): string {
  if (model === undefined || list === undefined || reasonOf(error) !== "model_not_found") return "";
  const ids = list.map(({ id }) => id);
  const near = nearest(model, ids);
  return near === undefined ? `; it lists ${ids.slice(0, 5).join(", ") || "none"}` : `; did you mean ${near}`;
}

function answerText(answer: Settled<void> | undefined, model: string | undefined): string {
  if (answer === undefined) return "no default model to ask";
  return model === "" ? "it answers" : `${model} answers`;
}

function listText(models: readonly Model[] | undefined): string {
  if (models === undefined) return "its models are not listed";
  return models.length === 1 ? "1 model is listed" : `${models.length} models are listed`;
}
