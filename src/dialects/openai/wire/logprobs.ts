import { Type, type Static } from "typebox";
import { orNull } from "./shapes.ts";

const bytes = orNull(Type.Array(Type.Integer({ minimum: 0, maximum: 255 })));

/** A token that was not taken, with its probability. */
export const TopLogprob = Type.Object({ token: Type.String(), logprob: Type.Number(), bytes });
/** A token that was not taken, with its probability. */
export type TopLogprob = Static<typeof TopLogprob>;

/** A token with its probability and those of its rivals. */
export const TokenLogprob = Type.Object({
  token: Type.String(),
  logprob: Type.Number({ description: "Natural logarithm; -9999 for what can never come." }),
  bytes,
  top_logprobs: Type.Array(TopLogprob),
});
/** A token with its probability and those of its rivals. */
export type TokenLogprob = Static<typeof TokenLogprob>;

/** The tokens of a choice or chunk. */
export const ChoiceLogprobs = Type.Object({ content: orNull(Type.Array(TokenLogprob)), refusal: Type.Null() });
/** The tokens of a choice or chunk. */
export type ChoiceLogprobs = Static<typeof ChoiceLogprobs>;
