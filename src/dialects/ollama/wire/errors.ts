import { Type, type Static } from "typebox";

/** Ollama's error object; inside a stream it is a line of its own, and the last. */
export const ErrorBody = Type.Object({ error: Type.String() });
/** Ollama's error object. */
export type ErrorBody = Static<typeof ErrorBody>;
