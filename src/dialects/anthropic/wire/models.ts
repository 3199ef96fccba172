import { Type, type Static } from "typebox";

const nullableText = Type.Union([Type.String(), Type.Null()]);
const nullableCount = Type.Union([Type.Integer(), Type.Null()]);

/** Anthropic's model object. What it asks of Anthropic's own models alone is null. */
export const ModelInfo = Type.Object({
  type: Type.Literal("model"),
  id: Type.String(),
  display_name: Type.String(),
  created_at: Type.String({ format: "date-time" }),
  capabilities: Type.Null(),
  deprecated_at: Type.Null(),
  retires_at: Type.Null(),
  lifecycle: Type.Literal("active"),
  line: Type.Null(),
  max_input_tokens: nullableCount,
  max_tokens: nullableCount,
});
/** Anthropic's model object. */
export type ModelInfo = Static<typeof ModelInfo>;

/** A page of Anthropic's list of models. */
export const ModelPage = Type.Object({
  data: Type.Array(ModelInfo),
  has_more: Type.Boolean(),
  first_id: nullableText,
  last_id: nullableText,
});
/** A page of Anthropic's list of models. */
export type ModelPage = Static<typeof ModelPage>;

/** The query of a page; clients without `anthropic-version` get the whole list. */
export const modelPageQuery = {
  limit: Type.Optional(Type.String({ description: "Models on a page, 1 to 1000; 20 where it is not said." })),
  after_id: Type.Optional(Type.String({ description: "The page behind this model; excludes before_id." })),
  before_id: Type.Optional(Type.String({ description: "The page before this model." })),
};
