import { Type, type Static } from "typebox";
import { ErrorBody } from "./errors.ts";
import { completionFields } from "./sampling.ts";
import { integer, orNull, sayable } from "./shapes.ts";
import { CompletionUsage } from "./usage.ts";

/** What is gone on from. */
export const Prompt = Type.Union([
  Type.String(),
  Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, description: "Token ids." }),
  Type.Array(Type.Union([Type.String(), Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 })]), {
    minItems: 1,
    description: "Texts, or the token ids of each; limits.maxPrompts at most.",
  }),
]);
/** What is gone on from. */
export type Prompt = Static<typeof Prompt>;

/** Body of `POST /v1/completions`. */
export const CompletionRequest = Type.Object({
  ...completionFields,
  model: sayable(Type.String({ maxLength: 256, description: "Absent: the default model." })),
  prompt: Prompt,
  suffix: sayable(Type.String({ description: "What follows the gap that is to be filled, where the model can." })),
  echo: sayable(Type.Boolean({ description: "Whether the answer repeats the prompt." })),
  best_of: sayable(integer({ minimum: 1, maximum: 128, description: "Answers that are written, of which the likeliest `n` are told." })),
  logprobs: sayable(integer({ minimum: 0, maximum: 20 })),
  max_tokens: sayable(integer({ minimum: 1, description: "16 where it is not said, as OpenAI has it." })),
});
/** Body of `POST /v1/completions`. */
export type CompletionRequest = Static<typeof CompletionRequest>;

/** The tokens of a completion, as lists in step. */
export const CompletionLogprobs = Type.Object({
  tokens: Type.Array(Type.String()),
  token_logprobs: Type.Array(Type.Number()),
  top_logprobs: Type.Array(Type.Record(Type.String(), Type.Number())),
  text_offset: Type.Array(Type.Integer({ description: "Characters of the text before the token." })),
});
/** The tokens of a completion, as lists in step. */
export type CompletionLogprobs = Static<typeof CompletionLogprobs>;

/** Why a completion ended. */
export const CompletionFinish = Type.Enum(["stop", "length", "content_filter"]);
/** Why a completion ended. */
export type CompletionFinish = Static<typeof CompletionFinish>;

const about = {
  id: Type.String(),
  object: Type.Literal("text_completion"),
  created: Type.Integer({ description: "Seconds since the epoch." }),
  model: Type.String(),
  system_fingerprint: Type.Optional(Type.String({ description: "Provider and model there." })),
};

/** A whole answer to one prompt or several. */
export const Completion = Type.Object({
  ...about,
  choices: Type.Array(
    Type.Object({ text: Type.String(), index: Type.Integer(), logprobs: orNull(CompletionLogprobs), finish_reason: CompletionFinish }),
  ),
  usage: Type.Optional(CompletionUsage),
});
/** A whole answer to one prompt or several. */
export type Completion = Static<typeof Completion>;

/** A piece of an answer to one prompt or several. */
export const CompletionChunk = Type.Object({
  ...about,
  choices: Type.Array(
    Type.Object({
      text: Type.String(),
      index: Type.Integer(),
      logprobs: orNull(CompletionLogprobs),
      finish_reason: orNull(CompletionFinish),
    }),
  ),
  usage: Type.Optional(orNull(CompletionUsage)),
});
/** A piece of an answer to one prompt or several. */
export type CompletionChunk = Static<typeof CompletionChunk>;

/** One event of a streamed completion: a piece of the answer, or what it failed with. `[DONE]` ends it. */
export const CompletionStreamEvent = Type.Union([CompletionChunk, ErrorBody]);
/** One event of a streamed completion. */
export type CompletionStreamEvent = Static<typeof CompletionStreamEvent>;
