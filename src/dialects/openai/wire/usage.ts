import { Type, type Static } from "typebox";

const count = Type.Optional(Type.Integer());

/** What an answer took; details that nobody has counted are left out. */
export const CompletionUsage = Type.Object({
  prompt_tokens: Type.Integer(),
  completion_tokens: Type.Integer(),
  total_tokens: Type.Integer(),
  prompt_tokens_details: Type.Object({
    cached_tokens: count,
    cache_write_tokens: count,
  }),
  completion_tokens_details: Type.Object({
    reasoning_tokens: count,
  }),
});
/** What an answer took. */
export type CompletionUsage = Static<typeof CompletionUsage>;
