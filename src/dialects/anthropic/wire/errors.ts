import { Type, type Static } from "typebox";

/** Anthropic's error object. */
export const ErrorBody = Type.Object({
  type: Type.Literal("error"),
  error: Type.Object({ type: Type.String(), message: Type.String() }),
  request_id: Type.String(),
});
/** Anthropic's error object. */
export type ErrorBody = Static<typeof ErrorBody>;
