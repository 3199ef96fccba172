import { Type, type Static, type TProperties } from "typebox";
import { ErrorBody } from "../../wire/errors.ts";
import { orNull } from "../../wire/shapes.ts";
import { OutputContent, OutputItem, OutputLogprob, ReasoningText, SummaryText } from "./items.ts";
import { ResponseObject } from "./response.ts";

const sequence_number = Type.Integer({ minimum: 0, description: "0, 1, 2, ... without a hole." });
const index = Type.Integer({ minimum: 0 });
const item = { item_id: Type.String(), output_index: index };
const content = { ...item, content_index: index };
const summary = { ...item, summary_index: index };
const logprobs = Type.Array(OutputLogprob);

function event<Name extends string, Fields extends TProperties>(type: Name, fields: Fields) {
  return Type.Object({ type: Type.Literal(type), sequence_number, ...fields });
}

/** One event of a streamed response. */
export const ResponseEvent = Type.Union([
  event("response.created", { response: ResponseObject }),
  event("response.in_progress", { response: ResponseObject }),
  event("response.output_item.added", { output_index: index, item: OutputItem }),
  event("response.content_part.added", { ...content, part: Type.Union([OutputContent, ReasoningText]) }),
  event("response.output_text.delta", { ...content, delta: Type.String(), logprobs }),
  event("response.output_text.done", { ...content, text: Type.String(), logprobs }),
  event("response.refusal.delta", { ...content, delta: Type.String() }),
  event("response.refusal.done", { ...content, refusal: Type.String() }),
  event("response.reasoning_text.delta", { ...content, delta: Type.String() }),
  event("response.reasoning_text.done", { ...content, text: Type.String() }),
  event("response.reasoning_summary_part.added", { ...summary, part: SummaryText }),
  event("response.reasoning_summary_text.delta", { ...summary, delta: Type.String() }),
  event("response.reasoning_summary_text.done", { ...summary, text: Type.String() }),
  event("response.reasoning_summary_part.done", { ...summary, part: SummaryText }),
  event("response.function_call_arguments.delta", { ...item, delta: Type.String() }),
  event("response.function_call_arguments.done", { ...item, name: Type.String(), arguments: Type.String() }),
  event("response.content_part.done", { ...content, part: Type.Union([OutputContent, ReasoningText]) }),
  event("response.output_item.done", { output_index: index, item: OutputItem }),
  event("response.completed", { response: ResponseObject }),
  event("response.incomplete", { response: ResponseObject }),
  event("response.failed", { response: ResponseObject }),
  event("error", { code: Type.String(), message: Type.String(), param: orNull(Type.String()), ...ErrorBody.properties }),
]);
/** One event of a streamed response. */
export type ResponseEvent = Static<typeof ResponseEvent>;
