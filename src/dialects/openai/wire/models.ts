import { Type, type Static } from "typebox";

/** OpenAI's model object, with what other servers add of the same name. */
export const ModelObject = Type.Object({
  id: Type.String(),
  object: Type.Literal("model"),
  created: Type.Integer({ description: "Seconds since the epoch." }),
  owned_by: Type.String(),
  shutdown_date: Type.Null(),
  max_model_len: Type.Optional(Type.Integer({ description: "Tokens of prompt and answer together, where it is known." })),
});
/** OpenAI's model object. */
export type ModelObject = Static<typeof ModelObject>;

/** OpenAI's list of models. */
export const ModelList = Type.Object({ object: Type.Literal("list"), data: Type.Array(ModelObject) });
/** OpenAI's list of models. */
export type ModelList = Static<typeof ModelList>;
