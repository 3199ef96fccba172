import type OpenAI from "openai";
import { expectTypeOf, it } from "vitest";
import type { ResponseEvent } from "./events.ts";
import type { OutputItem, OutputLogprob, OutputText } from "./items.ts";
import type { ResponseObject, ResponseUsage, Told } from "./response.ts";

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
type Item<Type extends OutputItem["type"]> = Extract<OutputItem, { readonly type: Type }>;
type Event<Type extends ResponseEvent["type"]> = Extract<ResponseEvent, { readonly type: Type }>;

type ToldEvent = OpenAI.Responses.ResponseStreamEvent;
type PublishedEvent<Type extends ToldEvent["type"]> = Extract<ToldEvent, { readonly type: Type }>;

/** Published keys that our events of a name lack. */
type MissingIn<Type extends ResponseEvent["type"] & ToldEvent["type"]> = Missing<PublishedEvent<Type>, Event<Type>>;
/** All of them, each by itself. */
type MissingInEvents = { [Type in ResponseEvent["type"]]: MissingIn<Type> }[ResponseEvent["type"]];

/** What has a value or is left out, for it may not be null: nothing of it can be asked for, but for the last two. */
type LeftOut = "image" | "prompt_cache_diagnostics" | "prompt_cache_options" | "tool_usage" | "usage" | "user";

it("responses and their events have every key that OpenAI publishes for them, but for some that may not be null", () => {
  expectTypeOf<Missing<OpenAI.Responses.Response, ResponseObject>>().toEqualTypeOf<LeftOut>();
  expectTypeOf<null extends OpenAI.Responses.Response[LeftOut] ? LeftOut : never>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseUsage, ResponseUsage>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputMessage, Item<"message">>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseFunctionToolCall, Item<"function_call">>>().toEqualTypeOf<"namespace">();
  expectTypeOf<Missing<OpenAI.Responses.ResponseReasoningItem, Item<"reasoning">>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputText, OutputText>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputText.Logprob, OutputLogprob>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.FunctionTool, Told["tools"][number]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseTextConfig, Told["text"]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Reasoning, Told["reasoning"]>>().toBeNever();
  expectTypeOf<MissingInEvents>().toEqualTypeOf<"status">();
  expectTypeOf<null extends PublishedEvent<"response.reasoning_summary_part.done">["status"] ? "nullable" : never>().toBeNever();
});

/** Keys of our events of a name that are null where they may not be. */
type WronglyNullIn<Type extends ResponseEvent["type"] & ToldEvent["type"]> = WronglyNull<PublishedEvent<Type>, Event<Type>>;
type WronglyNullInEvents = { [Type in ResponseEvent["type"]]: WronglyNullIn<Type> }[ResponseEvent["type"]];

it("nothing is null where OpenAI publishes that it is not", () => {
  expectTypeOf<WronglyNull<OpenAI.Responses.Response, ResponseObject>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseUsage, ResponseUsage>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseUsage["input_tokens_details"], ResponseUsage["input_tokens_details"]>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseOutputMessage, Item<"message">>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseFunctionToolCall, Item<"function_call">>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseReasoningItem, Item<"reasoning">>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseOutputText, OutputText>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.FunctionTool, Told["tools"][number]>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Responses.ResponseTextConfig, Told["text"]>>().toBeNever();
  expectTypeOf<WronglyNull<OpenAI.Reasoning, Told["reasoning"]>>().toBeNever();
  expectTypeOf<WronglyNullInEvents>().toBeNever();
});
