import { Type, type Static } from "typebox";
import { integer, sayable } from "./shapes.ts";

/** Body of `POST /v1/embeddings`. */
export const EmbeddingRequest = Type.Object({
  model: Type.String({ maxLength: 256, description: "Empty: the only embedding model on disk." }),
  input: Type.Union([
    Type.String({ minLength: 1 }),
    Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, description: "Token ids." }),
    Type.Array(Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1 })]), {
      minItems: 1,
      description: "Texts, or the token ids of each.",
    }),
  ]),
  encoding_format: sayable(Type.Enum(["float", "base64"])),
  dimensions: sayable(integer({ minimum: 1, maximum: 65_536 })),
  user: sayable(Type.String({ maxLength: 256 })),
});
/** Body of `POST /v1/embeddings`. */
export type EmbeddingRequest = Static<typeof EmbeddingRequest>;

/** One vector per input, in their order. */
export const EmbeddingList = Type.Object({
  object: Type.Literal("list"),
  data: Type.Array(
    Type.Object({
      object: Type.Literal("embedding"),
      index: Type.Integer(),
      embedding: Type.Union([
        Type.Array(Type.Number()),
        Type.String({ description: "Base64 of little-endian 32-bit floats, where `encoding_format` asks for it." }),
      ]),
    }),
  ),
  model: Type.String(),
  usage: Type.Object({ prompt_tokens: Type.Integer(), total_tokens: Type.Integer() }),
});
/** One vector per input, in their order. */
export type EmbeddingList = Static<typeof EmbeddingList>;
