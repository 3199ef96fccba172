import { FinishReason, type ChatResponse, type TokenLogprob, type TopLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import type { Part, ToolCall } from "../../../gen/parley/v1/messages_pb.ts";
import type { Timings, Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { isJsonObject } from "../../core/json.ts";
import { fault } from "../../core/reasons.ts";
import { exactJson } from "../exact-json.ts";
import { defined } from "../openai/read.ts";
import { timeText, unknownTime } from "./times.ts";
import type { CalledTool, ChatLine, GenerateLine, Logprob, Metrics } from "./wire/answers.ts";

/** Which of the two shapes an answer has: that of `/api/chat`, or that of `/api/generate`. */
export type Shape = "chat" | "generate";

/** What stands beside the words. */
type Beside = Pick<GenerateLine, "thinking" | "tool_calls">;

/** What is said, in the fields of a shape. */
export type Said = Pick<ChatLine, "message"> | (Pick<GenerateLine, "response"> & Beside);

/** What a line says beside whose it is and when it was written. */
export type LineRest = Said & Metrics & Pick<ChatLine, "done" | "done_reason" | "logprobs">;

/** One line, or a whole answer. */
export type Line = ChatLine | GenerateLine;

/** What is said, in the fields of a shape. */
export function saidIn(shape: Shape, words: string, more: Beside = {}): Said {
  return shape === "chat" ? { message: { role: "assistant", content: words, ...more } } : { response: words, ...more };
}

/** `done_reason`: a call of tools is an end like any other here. */
export function doneReason(reason: FinishReason): string {
  return reason === FinishReason.LENGTH ? "length" : "stop";
}

/** What it took, with durations in nanoseconds. */
export function metricsToOllama(usage: Usage | undefined, timings: Timings | undefined): Metrics {
  const ns = (ms: number | undefined) => (ms === undefined ? undefined : ms * 1_000_000);
  return defined({
    total_duration: ns(timings?.totalMs),
    load_duration: ns(timings?.loadMs),
    prompt_eval_count: usage?.promptTokens,
    prompt_eval_cached_count: usage?.cachedTokens,
    prompt_eval_duration: ns(timings?.promptMs),
    eval_count: usage?.completionTokens,
    eval_duration: ns(timings?.generationMs),
  });
}

/** A call as this format has it. Throws `provider_malformed` where its arguments are no JSON object: there is no place for them. */
export function callToOllama({ id, name, arguments: text }: Pick<ToolCall, "id" | "name" | "arguments">, index: number): CalledTool {
  let given: unknown;
  try {
    given = text.trim() === "" ? {} : exactJson(text);
  } catch {
    given = undefined;
  }
  if (isJsonObject(given)) return { id, function: { index, name, arguments: given } };
  throw fault(
    "provider_malformed",
    `the model called ${JSON.stringify(name.slice(0, 64))} with arguments that are no JSON object: ask again`,
  );
}

/** Logprobs as this format has them. */
export function logprobsToOllama(tokens: readonly TokenLogprob[]): Logprob[] {
  return tokens.map((token) => ({ ...logprob(token), top_logprobs: token.top.map(logprob) }));
}

function logprob({ token, logprob: value, bytes }: TokenLogprob | TopLogprob): Omit<Logprob, "top_logprobs"> {
  // JSON has no infinity: what can never come is written as OpenAI writes it.
  return { token, logprob: Number.isFinite(value) ? value : -9999, bytes: [...bytes] };
}

/** How an answer is written. */
export interface AnswerOptions {
  readonly shape: Shape;
  /** What the caller knows a model by. */
  readonly nameOf: (model: string) => string;
}

/** A whole answer. Throws as `callToOllama` does. */
export function chatResponseToOllama({ model, created, choices, usage, timings }: ChatResponse, { shape, nameOf }: AnswerOptions): Line {
  const { message, reason = FinishReason.OTHER, logprobs = [] } = choices[0] ?? {};
  return {
    model: nameOf(model),
    created_at: created === undefined ? unknownTime : timeText(created),
    ...partsIn(shape, message?.parts ?? []),
    done: true,
    done_reason: doneReason(reason),
    ...metricsToOllama(usage, timings),
    ...(logprobs.length > 0 && { logprobs: logprobsToOllama(logprobs) }),
  };
}

function partsIn(shape: Shape, parts: readonly Part[]): Said {
  const thinking = joined(parts, "reasoning");
  const calls = parts.flatMap(({ part }) => (part.case === "toolCall" ? [part.value] : []));
  return saidIn(shape, joined(parts, "text") + joined(parts, "refusal"), {
    ...(thinking !== "" && { thinking }),
    ...(calls.length > 0 && { tool_calls: calls.map(callToOllama) }),
  });
}

/** What is answered where a model was only loaded or unloaded. */
export function loadedToOllama(model: string, { shape, isUnload, nowMs }: LoadedOptions): Line {
  const created = { model, created_at: new Date(nowMs).toISOString() };
  return { ...created, ...saidIn(shape, ""), done: true, done_reason: isUnload ? "unload" : "load" };
}

interface LoadedOptions {
  readonly shape: Shape;
  readonly isUnload: boolean;
  readonly nowMs: number;
}

function joined(parts: readonly Part[], kind: "text" | "refusal" | "reasoning"): string {
  return parts.map(({ part }) => (part.case === kind ? part.value.text : "")).join("");
}
