import { Type, type Static } from "typebox";
import { orNull } from "./shapes.ts";

const count = orNull(Type.Integer());

/** What an answer took; null where nobody has counted. */
export const CompletionUsage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({
    cached_tokens: count,
    cache_write_tokens: count,
    audio_tokens: count,
    image_tokens: count,
    text_tokens: count,
  }),
  completion_tokens_details: Type.Object({
    reasoning_tokens: count,
    audio_tokens: count,
    text_tokens: count,
    accepted_prediction_tokens: count,
    rejected_prediction_tokens: count,
  }),
});
/** What an answer took. */
export type CompletionUsage = Static<typeof CompletionUsage>;
