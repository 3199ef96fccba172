import { create } from "@bufbuild/protobuf";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Message } from "../../gen/parley/v1/messages_pb.ts";
import { Capability, ModelSchema, ModelState } from "../../gen/parley/v1/models_pb.ts";
import { CountTokensResponseSchema } from "../../gen/parley/v1/tokens_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import { completed, finished, started, text } from "../core/events.ts";
import { honoured, inert, refused, serviceFields, type FieldTable } from "../core/fields.ts";
import type { Provider } from "../core/ports.ts";
import { invalidField } from "../core/reasons.ts";
import { throwIfAborted } from "../core/signals.ts";
import type { ReadyIterator } from "../core/stages.ts";
import { once } from "../core/stream.ts";

const fixed = inert("echo draws no tokens: its answer is the last message");

/** What echo does with each field. */
const fields: FieldTable = {
  ...serviceFields,
  messages: honoured,
  "messages.role": inert("echo repeats the last message, whoever spoke"),
  "messages.parts.tool_result.tool_call_id": inert("echo repeats what a tool answered"),
  "messages.parts.tool_result.is_error": inert("echo repeats what a tool answered"),
  "messages.name": inert("echo does not say who spoke"),
  "messages.provider_options": inert("echo has no options"),
  "messages.parts.provider_options": inert("echo has no options"),
  "messages.parts.image": refused("echo repeats text only"),
  "messages.parts.audio": refused("echo repeats text only"),
  "messages.parts.file": refused("echo repeats text only"),
  "messages.parts.tool_call": inert("echo repeats text only"),
  "messages.parts.reasoning": inert("echo repeats text only"),
  sampling: fixed,
  max_tokens: honoured,
  stop: honoured,
  tools: refused("echo calls no tools"),
  tool_choice: inert("echo has no tools to choose from"),
  parallel_tool_calls: inert("echo has no tools to call"),
  "response_format.text": honoured,
  "response_format.json_object": refused("echo repeats text as it is"),
  "response_format.json_schema": refused("echo repeats text as it is"),
  "response_format.grammar": refused("echo repeats text as it is"),
  response_format: honoured,
  choices: honoured,
  top_logprobs: refused("echo has no probabilities"),
  reasoning: inert("echo does not think"),
  raw_prompt: honoured,
  "raw_prompt.token_ids": refused("echo has no vocabulary"),
  "raw_prompt.suffix": refused("echo fills no gaps"),
  priority: inert("echo has no queue"),
  min_tokens: inert("echo ends where the message ends"),
  ignore_eos: inert("echo has no end-of-text token"),
  continue_final_message: refused("echo repeats and does not go on"),
  chat_template_options: inert("echo has no template"),
  include_progress: inert("echo begins at once"),
  provider_options: inert("echo has no options"),
};

/** Repeats the last message, word by word: for trying clients, for tests, and for benchmarks of everything around a model. */
export function echo(name = "echo"): Provider {
  const model = create(ModelSchema, {
    id: "echo",
    title: "Echo: repeats the last message",
    provider: name,
    state: ModelState.READY,
    capabilities: [Capability.CHAT],
    ownedBy: "parley",
    licence: "Apache-2.0",
  });
  return {
    name,
    fields,
    generate: (request, { signal, isWhole }) => paced(repeat(request, { name, signal, isWhole }), signal),
    countTokens: (request, { signal }) =>
      once(async () => {
        const tokens = request.chat === undefined ? 0 : await counted(request.chat, signal);
        return create(CountTokensResponseSchema, { promptTokens: tokens, model: request.chat?.model ?? "" });
      }),
    listModels: async () => [model],
    close: async () => {},
  };
}

interface Repeating {
  readonly name: string;
  readonly signal: AbortSignal;
  /** Whether nobody reads before the end: then what is said of a choice comes in one piece. */
  readonly isWhole: boolean;
}

/** What is said, and undefined wherever others should have their turn. */
function* repeat(request: ChatRequest, { name, signal, isWhole }: Repeating): Generator<ChatEvent | undefined, void, undefined> {
  const { words, stopSequence } = planned(request);
  const prompt = yield* promptTokens(request);
  const most = request.maxTokens ?? Infinity;
  let said = 0;
  yield started(name, request.model);
  for (let choice = 0; choice < (request.choices ?? 1); choice++) {
    let count = 0;
    let reason: FinishReason = FinishReason.STOP;
    let told = 0;
    for (let from = 0, to = tokenEnd(words, 0); from < to; from = to, to = tokenEnd(words, to)) {
      if (count === most) {
        reason = FinishReason.LENGTH;
        break;
      }
      count++;
      if (++said % wordsPerTurn === 0) yield undefined;
      if (signal.aborted) throwIfAborted(signal);
      if (!isWhole) yield text(choice, words.slice(from, to));
      told = to;
    }
    if (isWhole && told > 0) yield text(choice, words.slice(0, told));
    yield finished(choice, reason, reason === FinishReason.STOP && stopSequence !== undefined ? { stopSequence } : {});
  }
  const usage: Usage = { $typeName: "parley.v1.Usage", promptTokens: prompt, completionTokens: said, source: UsageSource.PROVIDER };
  yield completed({ usage });
}

/** Where the token that begins at a place ends: a word with the white space before it, or the white space at the end. By hand, for a match of a regular expression costs more than all else that echo does with a word. */
function tokenEnd(words: string, from: number): number {
  let at = from;
  while (at < words.length && isSpace(words.charCodeAt(at))) at++;
  while (at < words.length && !isSpace(words.charCodeAt(at))) at++;
  return at;
}

/** White space as regular expressions know it. */
function isSpace(code: number): boolean {
  if (code > 32) return code >= 160 && /\s/.test(String.fromCharCode(code));
  return code === 32 || (code >= 9 && code <= 13);
}

/** Words between two looks at the rest of the world: about a quarter of a millisecond. */
const wordsPerTurn = 1024;

/** Reads a generator, and lets timers, sockets and other calls have their turn where it says so: nothing that echo does waits by itself. */
function paced(events: Generator<ChatEvent | undefined, void, undefined>, signal: AbortSignal): AsyncIterable<ChatEvent> {
  const over: IteratorResult<ChatEvent> = { done: true, value: undefined };
  const ready = (): IteratorResult<ChatEvent> | undefined => {
    const { done, value } = events.next();
    if (done === true) return over;
    return value === undefined ? undefined : { done: false, value };
  };
  const iterator: ReadyIterator<ChatEvent> = {
    ready,
    async next() {
      throwIfAborted(signal);
      for (;;) {
        const result = ready();
        if (result !== undefined) return result;
        await turn(signal);
      }
    },
    async return() {
      events.return();
      return over;
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** The prompt's tokens alone. */
async function counted(request: ChatRequest, signal: AbortSignal): Promise<number> {
  throwIfAborted(signal);
  const counting = promptTokens(request);
  for (let step = counting.next(); ; step = counting.next()) {
    if (step.done === true) return step.value;
    await turn(signal);
  }
}

async function turn(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  throwIfAborted(signal);
}

/** What will be said of the last message: all up to the first stop text. */
function planned(request: ChatRequest): { readonly words: string; readonly stopSequence: string | undefined } {
  const whole = lastText(request);
  let at = whole.length;
  let stopSequence: string | undefined;
  for (const stop of request.stop) {
    const found = whole.indexOf(stop);
    if (found >= 0 && found < at) [at, stopSequence] = [found, stop];
  }
  return { words: whole.slice(0, at), stopSequence };
}

function lastText({ messages, rawPrompt }: ChatRequest): string {
  if (rawPrompt?.prompt.case === "text") {
    const { value } = rawPrompt.prompt;
    return rawPrompt.echo ? value + value : value;
  }
  const last = messages.at(-1);
  if (last === undefined) throw invalidField("messages", "there is no message to repeat");
  return textOf(last);
}

function textOf({ parts }: Message): string {
  return parts
    .map(({ part }) => {
      if (part.case === "text" || part.case === "refusal") return part.value.text;
      if (part.case !== "toolResult") return "";
      return part.value.content.map((inner) => (inner.part.case === "text" ? inner.part.value.text : "")).join("");
    })
    .join("");
}

/** Words of the prompt, and one token a message for who speaks; yields where others should have their turn. */
function* promptTokens({ messages, rawPrompt }: ChatRequest): Generator<undefined, number, undefined> {
  const texts = rawPrompt?.prompt.case === "text" ? [rawPrompt.prompt.value] : messages.map(textOf);
  let count = rawPrompt === undefined ? messages.length : 0;
  for (const words of texts) {
    for (let from = 0, to = tokenEnd(words, 0); from < to; from = to, to = tokenEnd(words, to))
      if (++count % wordsPerTurn === 0) yield undefined;
  }
  return count;
}
