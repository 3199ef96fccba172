import { Type, type Static } from "typebox";
import { orNull } from "../../openai/wire/shapes.ts";

const Count = Type.Integer({ minimum: 0 });

/** How many of the tokens that were written are thinking. */
const OutputTokensDetails = Type.Object({ thinking_tokens: Count });

/** What a message took. The tokens of the prompt that a cache had a part in stand apart from the others; what nobody here knows is null. */
export const Usage = Type.Object({
  input_tokens: Count,
  cache_creation_input_tokens: orNull(Count),
  cache_read_input_tokens: orNull(Count),
  cache_creation: Type.Null(),
  output_tokens: Count,
  output_tokens_details: orNull(OutputTokensDetails),
  server_tool_use: Type.Null(),
  service_tier: Type.Null(),
  inference_geo: Type.Null(),
  speed: Type.Null(),
});
/** What a message took. */
export type Usage = Static<typeof Usage>;

/** What a message took, as its stream tells it at the end. */
export const DeltaUsage = Type.Object({
  input_tokens: orNull(Count),
  cache_creation_input_tokens: orNull(Count),
  cache_read_input_tokens: orNull(Count),
  output_tokens: Count,
  output_tokens_details: orNull(OutputTokensDetails),
  server_tool_use: Type.Null(),
});
/** What a message took, as its stream tells it at the end. */
export type DeltaUsage = Static<typeof DeltaUsage>;

/** How long a prompt is. */
export const TokenCount = Type.Object({
  input_tokens: Count,
  estimated: Type.Optional(
    Type.Literal(true, { description: "Nobody who serves the model counts: this is a rule of thumb, made of the texts' lengths." }),
  ),
});
/** How long a prompt is. */
export type TokenCount = Static<typeof TokenCount>;
