import { Type, type Static } from "typebox";

/** OpenAI's error object; all four keys are always there, and the code is a string, since clients reject others. */
export const ErrorBody = Type.Object({
  error: Type.Object({
    message: Type.String(),
    type: Type.String(),
    param: Type.Union([Type.String(), Type.Null()]),
    code: Type.String(),
  }),
});
/** OpenAI's error object. */
export type ErrorBody = Static<typeof ErrorBody>;
