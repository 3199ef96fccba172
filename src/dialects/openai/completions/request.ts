import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, RawPromptSchema, type ChatRequest, type RawPrompt } from "../../../../gen/parley/v1/chat_pb.ts";
import type { Limits } from "../../../core/limits.ts";
import { limits as limitRows } from "../../../core/limits.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { booleanAt, defined, integerAt, objectAt, present, read, required, textAt, type Json } from "../read.ts";
import { refuseInCompletion } from "../refusals.ts";
import { priorityAt, providerNamed, stopAt } from "../request.ts";
import { samplingFromOpenAI } from "../sampling.ts";
import { streamFromOpenAI, type AskedStream } from "../stream-options.ts";
import { responseFormatFromOpenAI } from "../tools.ts";

/** How the answers of a completion are told. */
export interface CompletionForm {
  /** Answers told a prompt. */
  readonly told: number;
  /** Answers written a prompt, of which the likeliest are told. */
  readonly written: number;
  /** Whether their tokens' probabilities are told. */
  readonly hasLogprobs: boolean;
}

/** A completion request: one request a prompt, and how the answer is to be written. */
export interface AskedCompletion extends AskedStream {
  readonly requests: readonly [ChatRequest, ...ChatRequest[]];
  readonly form: CompletionForm;
  /** Whether the body says nothing of how much is to be written: what the requests ask for is then what is usual. */
  readonly isMaxTokensUsual: boolean;
}

/** What OpenAI's own API writes for who does not say how much. */
const usualTokens = 16;

/** Reads the body of `POST /v1/completions`. Throws `invalid_request` and `unsupported_field` by OpenAI's names. */
export function completionFromOpenAI(value: unknown, limits: Pick<Limits, "maxPrompts">): AskedCompletion {
  const body = objectAt(value, "body");
  refuseInCompletion(body);
  const stream = streamFromOpenAI(body);
  if (stream.includeObfuscation) throw unsupportedField("stream_options.include_obfuscation", "pieces of completions are not padded");
  const form = formOf(body, stream);
  const asked = askedOfEach(body, form);
  const [first, ...others] = promptsOf(required(body, "prompt", ""), limits);
  const own = around(body, form);
  const request = (prompt: RawPrompt["prompt"]) => ({ ...asked, rawPrompt: create(RawPromptSchema, { ...own, prompt }) });
  const isMaxTokensUsual = ["max_tokens", "n_predict"].every((name) => present(body, name) === undefined);
  return { requests: [request(first), ...others.map(request)], form, isMaxTokensUsual, ...stream };
}

function formOf(body: Json, { stream }: AskedStream): CompletionForm {
  const told = read(body, "n", integerAt) ?? 1;
  const written = read(body, "best_of", integerAt) ?? told;
  if (written < told) throw invalidField("best_of", `${written} is below n, ${told}`);
  if (stream && written > told) throw unsupportedField("best_of", "answers are compared when they are whole; do not ask for a stream");
  return { told, written, hasLogprobs: read(body, "logprobs", integerAt) !== undefined };
}

/** What holds for the answer to each prompt. */
function askedOfEach(body: Json, { told, written }: CompletionForm): ChatRequest {
  // Who is to choose the likeliest must know how likely each is.
  const topLogprobs = read(body, "logprobs", integerAt) ?? (written > told ? 0 : undefined);
  return create(
    ChatRequestSchema,
    defined({
      model: read(body, "model", textAt),
      stop: read(body, "stop", stopAt),
      sampling: samplingFromOpenAI(body),
      maxTokens: mostTokens(body),
      minTokens: read(body, "min_tokens", integerAt),
      ignoreEos: read(body, "ignore_eos", booleanAt),
      choices: written === 1 ? undefined : written,
      topLogprobs,
      responseFormat: responseFormatFromOpenAI(body),
      endUserId: read(body, "user", textAt),
      priority: read(body, "priority", priorityAt),
      provider: providerNamed(body),
    }),
  );
}

/** llama.cpp's own name has a number for "no limit". */
function mostTokens(body: Json): number | undefined {
  const most = read(body, "max_tokens", integerAt);
  const predicted = read(body, "n_predict", integerAt);
  if (most !== undefined && predicted !== undefined && most !== predicted)
    throw invalidField("n_predict", `${predicted} contradicts max_tokens, ${most}: send one of them`);
  if (most !== undefined || predicted === undefined) return most ?? usualTokens;
  return predicted < 0 ? undefined : predicted;
}

/** What stands around each prompt. */
function around(body: Json, { hasLogprobs }: CompletionForm): { suffix?: string; echo?: boolean } {
  const echo = read(body, "echo", booleanAt);
  if (echo === true && hasLogprobs)
    throw unsupportedField("logprobs", "a prompt that is repeated has no probabilities; send echo or logprobs");
  return defined({ suffix: read(body, "suffix", textAt), echo });
}

type Prompt = Exclude<RawPrompt["prompt"], { case: undefined }>;

/** A text, texts, one list of tokens, or lists of tokens. */
function promptsOf(value: unknown, limits: Pick<Limits, "maxPrompts">): readonly [Prompt, ...Prompt[]] {
  if (!Array.isArray(value)) return [text(value, "prompt")];
  const list: readonly unknown[] = value;
  if (list.every((item) => typeof item === "number") && list.length > 0) return [tokens(list, "prompt")];
  if (list.length > limits.maxPrompts)
    throw invalidField("prompt", `${list.length} is more than limits.maxPrompts, ${limits.maxPrompts}: ${limitRows.maxPrompts.what}`);
  const [first, ...others] = list.map((item, index) => {
    const path = `prompt[${index}]`;
    return Array.isArray(item) ? tokens(item, path) : text(item, path);
  });
  if (first === undefined) throw invalidField("prompt", "is empty: at least one prompt is needed");
  return [first, ...others];
}

function text(value: unknown, path: string): Prompt {
  if (typeof value !== "string") throw invalidField(path, "must be a string, or a list of strings or of tokens");
  return { case: "text", value: textAt(value, path) };
}

function tokens(list: readonly unknown[], path: string): Prompt {
  if (list.length === 0) throw invalidField(path, "is empty");
  const ids = list.map((id, index) => {
    const token = integerAt(id, `${path}[${index}]`);
    if (token < 0) throw invalidField(`${path}[${index}]`, `${token} is no token id`);
    return token;
  });
  return { case: "tokenIds", value: { $typeName: "parley.v1.TokenIds", ids } };
}
