import type OpenAI from "openai";
import { expectTypeOf, it } from "vitest";
import type { ChatChoice, ChatCompletion, ChatMessage, ToolCall } from "./chat-answer.ts";
import type { ChatCompletionChunk } from "./chat-chunk.ts";
import type { Completion, CompletionChunk, CompletionLogprobs } from "./completions.ts";
import type { EmbeddingList } from "./embeddings.ts";
import type { ChoiceLogprobs, TokenLogprob, TopLogprob } from "./logprobs.ts";
import type { ModelList, ModelObject } from "./models.ts";
import type { CompletionUsage } from "./usage.ts";

// What OpenAI publishes of its answers are the types of its own client, made from its description.

/** Keys that are published and that our answers do not always have; optional ones count as missing. */
type Missing<Published, Ours> = Exclude<
  keyof Published,
  { [Key in keyof Ours]-?: object extends Pick<Ours, Key> ? never : Key }[keyof Ours]
>;
/** Keys of ours that may be null where those that are published may not: clients that check what they get fail on them. */
type WronglyNull<Published, Ours> = {
  [Key in keyof Ours & keyof Published]-?: null extends Ours[Key] ? (null extends Published[Key] ? never : Key) : never;
}[keyof Ours & keyof Published];
type Usage = OpenAI.CompletionUsage;
type PromptDetails = NonNullable<Usage["prompt_tokens_details"]>;
type CompletionDetails = NonNullable<Usage["completion_tokens_details"]>;

it("answers have every key that OpenAI publishes for them, but for what may not be null where there is no value", () => {
  expectTypeOf<Missing<OpenAI.ChatCompletion, ChatCompletion>>().toEqualTypeOf<"system_fingerprint" | "usage">();
  expectTypeOf<Missing<OpenAI.ChatCompletion.Choice, ChatChoice>>().toBeNever();
  expectTypeOf<Missing<OpenAI.ChatCompletionMessage, ChatMessage>>().toEqualTypeOf<"tool_calls">();
  expectTypeOf<Missing<OpenAI.ChatCompletionMessageFunctionToolCall, ToolCall>>().toBeNever();
  expectTypeOf<Missing<OpenAI.ChatCompletion.Choice.Logprobs, ChoiceLogprobs>>().toBeNever();
  expectTypeOf<Missing<OpenAI.ChatCompletionTokenLogprob, TokenLogprob>>().toBeNever();
  expectTypeOf<Missing<OpenAI.ChatCompletionTokenLogprob.TopLogprob, TopLogprob>>().toBeNever();
  expectTypeOf<Missing<Usage, CompletionUsage>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Completion, Completion>>().toEqualTypeOf<"system_fingerprint" | "usage">();
  expectTypeOf<Missing<OpenAI.CompletionChoice, Completion["choices"][number]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.CompletionChoice.Logprobs, CompletionLogprobs>>().toBeNever();
  expectTypeOf<Missing<OpenAI.CreateEmbeddingResponse, EmbeddingList>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Embedding, EmbeddingList["data"][number]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Model, ModelObject>>().toBeNever();
});

it("chunks have them too, but for what clients take as a word where it is null, and what was not asked for", () => {
  expectTypeOf<Missing<OpenAI.ChatCompletionChunk, ChatCompletionChunk>>().toEqualTypeOf<"system_fingerprint" | "usage" | "obfuscation">();
  expectTypeOf<Missing<OpenAI.ChatCompletionChunk.Choice, ChatCompletionChunk["choices"][number]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Completion, CompletionChunk>>().toEqualTypeOf<"system_fingerprint" | "usage">();
});

it("nothing is null where OpenAI publishes that it is not", () => {
  expectTypeOf<WronglyNull<OpenAI.ChatCompletion, ChatCompletion>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletion.Choice, ChatChoice>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletionMessage, ChatMessage>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletion.Choice.Logprobs, ChoiceLogprobs>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletionTokenLogprob, TokenLogprob>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletionChunk, ChatCompletionChunk>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.ChatCompletionChunk.Choice, ChatCompletionChunk["choices"][number]>>().toBeNever();
  expectTypeOf<WronglyNull<PromptDetails, CompletionUsage["prompt_tokens_details"]>>().toBeNever();
  expectTypeOf<WronglyNull<CompletionDetails, CompletionUsage["completion_tokens_details"]>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Completion, Completion>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.CompletionChoice, Completion["choices"][number]>>().toBeNever();
});

it("a value that is there has the type that OpenAI publishes", () => {
  expectTypeOf<ChatCompletion["choices"][number]["finish_reason"]>().toExtend<OpenAI.ChatCompletion.Choice["finish_reason"]>();
  expectTypeOf<Valued<Omit<ChatMessage, "annotations">>>().toExtend<OpenAI.ChatCompletionMessage>();
  expectTypeOf<ChatCompletionChunk["choices"][number]>().toExtend<OpenAI.ChatCompletionChunk.Choice>();
  expectTypeOf<ModelList["data"][number]>().toExtend<OpenAI.Model>();
  expectTypeOf<Completion["choices"][number]["finish_reason"]>().toExtend<OpenAI.CompletionChoice["finish_reason"]>();
  expectTypeOf<Valued<CompletionUsage["prompt_tokens_details"]>>().toExtend<PromptDetails>();
});

/** A message whose calls are there. */
type Valued<Fields> = { [Key in keyof Fields]: Key extends "content" | "refusal" ? Fields[Key] : Exclude<Fields[Key], null> };
