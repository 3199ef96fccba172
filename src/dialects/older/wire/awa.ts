import { Type, type Static } from "typebox";
import { integer, sayable } from "../../openai/wire/shapes.ts";

/** Body of `POST /llm`. */
export const AwaRequest = Type.Object({
  prompt: Type.String({ minLength: 1, description: "Text that is gone on from; special tokens of the model are parsed." }),
  max_tokens: sayable(integer({ minimum: 1 })),
  temperature: sayable(Type.Number({ minimum: 0, maximum: 2 })),
});
/** Body of `POST /llm`. */
export type AwaRequest = Static<typeof AwaRequest>;

/** Answer of `POST /llm`. */
export const AwaCompletion = Type.Object({ completion: Type.String() });
/** Answer of `POST /llm`. */
export type AwaCompletion = Static<typeof AwaCompletion>;
