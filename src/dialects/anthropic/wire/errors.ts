import { Type, type Static } from "typebox";

/** Anthropic's error object. */
export const ErrorBody = Type.Object({
  type: Type.Literal("error"),
  error: Type.Object({
    type: Type.String(),
    message: Type.String(),
    details: Type.Optional(
      Type.Object(
        { error_code: Type.Literal("thread_unsupported_request"), unsupported: Type.Null() },
        { description: "No conversation is kept: clients send all of it instead, when they are told so in these words." },
      ),
    ),
  }),
  request_id: Type.String(),
});
/** Anthropic's error object. */
export type ErrorBody = Static<typeof ErrorBody>;
