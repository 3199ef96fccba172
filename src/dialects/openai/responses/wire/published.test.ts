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
type Item<Type extends OutputItem["type"]> = Extract<OutputItem, { readonly type: Type }>;
type Event<Type extends ResponseEvent["type"]> = Extract<ResponseEvent, { readonly type: Type }>;

type ToldEvent = OpenAI.Responses.ResponseStreamEvent;
type PublishedEvent<Type extends ToldEvent["type"]> = Extract<ToldEvent, { readonly type: Type }>;

/** Published keys that our events of a name lack. */
type MissingIn<Type extends ResponseEvent["type"] & ToldEvent["type"]> = Missing<PublishedEvent<Type>, Event<Type>>;
/** All of them, each by itself. */
type MissingInEvents = { [Type in ResponseEvent["type"]]: MissingIn<Type> }[ResponseEvent["type"]];

it("responses and their events have every key that OpenAI publishes for them", () => {
  expectTypeOf<Missing<OpenAI.Responses.Response, ResponseObject>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseUsage, ResponseUsage>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputMessage, Item<"message">>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseFunctionToolCall, Item<"function_call">>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseReasoningItem, Item<"reasoning">>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputText, OutputText>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseOutputText.Logprob, OutputLogprob>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.FunctionTool, Told["tools"][number]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Responses.ResponseTextConfig, Told["text"]>>().toBeNever();
  expectTypeOf<Missing<OpenAI.Reasoning, Told["reasoning"]>>().toBeNever();
  expectTypeOf<MissingInEvents>().toBeNever();
});
