import { create } from "@bufbuild/protobuf";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { Role, type Message } from "../../gen/parley/v1/messages_pb.ts";
import { Capability, ModelSchema, ModelState } from "../../gen/parley/v1/models_pb.ts";
import { CountTokensResponseSchema } from "../../gen/parley/v1/tokens_pb.ts";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import { completed, finished, started, text } from "../core/events.ts";
import { honoured, inert, refused, serviceFields, type FieldTable } from "../core/fields.ts";
import type { Provider } from "../core/ports.ts";
import { invalidField } from "../core/reasons.ts";
import { throwIfAborted } from "../core/signals.ts";
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
    generate: (request, context) => repeat(name, request, context),
    countTokens: (request) =>
      once(async () => create(CountTokensResponseSchema, { promptTokens: promptTokens(request.chat), model: request.chat?.model ?? "" })),
    listModels: async () => [model],
    close: async () => {},
  };
}

async function* repeat(name: string, request: ChatRequest, { signal }: CallContext): AsyncGenerator<ChatEvent, void, undefined> {
  throwIfAborted(signal);
  const { words, end } = planned(request);
  const choices = request.choices ?? 1;
  yield started(name, request.model);
  for (let choice = 0; choice < choices; choice++) {
    for (const word of words) {
      if (signal.aborted) throwIfAborted(signal);
      yield text(choice, word);
    }
    yield finished(choice, end.reason, end);
  }
  yield completed({ usage: usage(promptTokens(request), words.length * choices) });
}

interface Plan {
  readonly words: readonly string[];
  readonly end: { readonly reason: FinishReason; readonly stopSequence?: string };
}

/** What will be said of the last message: up to the first stop text and `max_tokens`. */
function planned(request: ChatRequest): Plan {
  const whole = lastText(request);
  let at = whole.length;
  let stopSequence: string | undefined;
  for (const stop of request.stop) {
    const found = whole.indexOf(stop);
    if (found >= 0 && found < at) [at, stopSequence] = [found, stop];
  }
  const words = tokens(whole.slice(0, at));
  const most = request.maxTokens ?? words.length;
  if (most < words.length) return { words: words.slice(0, most), end: { reason: FinishReason.LENGTH } };
  return { words, end: { reason: FinishReason.STOP, ...(stopSequence !== undefined && { stopSequence }) } };
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

/** Echo's tokens: words with the white space before them. */
function tokens(words: string): string[] {
  return words.match(/\s*\S+|\s+$/gu) ?? [];
}

function promptTokens(request: ChatRequest | undefined): number {
  if (request === undefined) return 0;
  if (request.rawPrompt?.prompt.case === "text") return tokens(request.rawPrompt.prompt.value).length;
  return request.messages.reduce((sum, message) => sum + tokens(textOf(message)).length + (message.role === Role.UNSPECIFIED ? 0 : 1), 0);
}

function usage(prompt: number, completion: number): Usage {
  return { $typeName: "parley.v1.Usage", promptTokens: prompt, completionTokens: completion, source: UsageSource.PROVIDER };
}
