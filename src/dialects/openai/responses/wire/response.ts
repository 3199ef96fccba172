import { Type, type Static } from "typebox";
import { AnyObject, orNull } from "../../wire/shapes.ts";
import { OutputItem } from "./items.ts";

/** What an answer took; 0 where nobody has counted, since clients know no null here. */
export const ResponseUsage = Type.Object({
  input_tokens: Type.Integer(),
  input_tokens_details: Type.Object({ cached_tokens: Type.Integer(), cache_write_tokens: Type.Integer() }),
  output_tokens: Type.Integer(),
  output_tokens_details: Type.Object({ reasoning_tokens: Type.Integer() }),
  total_tokens: Type.Integer(),
});
/** What an answer took. */
export type ResponseUsage = Static<typeof ResponseUsage>;

/** A function that the model may call, as it was asked for. */
export const ToldTool = Type.Object({
  type: Type.Literal("function"),
  name: Type.String(),
  description: orNull(Type.String()),
  parameters: orNull(AnyObject),
  strict: orNull(Type.Boolean()),
  allowed_callers: Type.Null(),
  async: Type.Literal(false),
  defer_loading: Type.Literal(false),
  output_schema: Type.Null(),
});

/** Whether and which tools are called, as it was asked for. */
export const ToldToolChoice = Type.Union([
  Type.Enum(["none", "auto", "required"]),
  Type.Object({ type: Type.Literal("function"), name: Type.String() }),
  Type.Object({
    type: Type.Literal("allowed_tools"),
    mode: Type.Enum(["none", "auto", "required"]),
    tools: Type.Array(Type.Object({ type: Type.Literal("function"), name: Type.String() })),
  }),
]);

/** The shape of the answer, as it was asked for. */
export const ToldFormat = Type.Union([
  Type.Object({ type: Type.Enum(["text", "json_object"]) }),
  Type.Object({
    type: Type.Literal("json_schema"),
    name: Type.String(),
    description: orNull(Type.String()),
    schema: AnyObject,
    strict: orNull(Type.Boolean()),
  }),
]);

/** What a response repeats of its request. */
export const Told = Type.Object({
  instructions: orNull(Type.String()),
  metadata: Type.Record(Type.String(), Type.String()),
  temperature: orNull(Type.Number()),
  top_p: orNull(Type.Number()),
  presence_penalty: orNull(Type.Number()),
  frequency_penalty: orNull(Type.Number()),
  parallel_tool_calls: Type.Boolean(),
  tool_choice: ToldToolChoice,
  tools: Type.Array(ToldTool),
  max_output_tokens: orNull(Type.Integer()),
  max_tool_calls: orNull(Type.Integer()),
  top_logprobs: Type.Integer(),
  prompt_cache_key: orNull(Type.String()),
  prompt_cache_retention: orNull(Type.Enum(["in_memory", "24h"])),
  reasoning: Type.Object({
    effort: orNull(Type.Enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    summary: orNull(Type.Enum(["auto", "detailed"])),
    generate_summary: Type.Null(),
    context: Type.Null(),
    mode: Type.Literal("standard"),
  }),
  safety_identifier: orNull(Type.String()),
  user: Type.Optional(Type.String()),
  text: Type.Object({ format: ToldFormat, verbosity: Type.Enum(["low", "medium", "high"]) }),
});
/** What a response repeats of its request. */
export type Told = Static<typeof Told>;

/** What never has a value, of what may be null: nothing is kept, and nothing of it can be asked for. Clients that check what they get fail on a null anywhere else, so the rest is left out. */
const absent = {
  access_programs: Type.Null(),
  conversation: Type.Null(),
  moderation: Type.Null(),
  previous_response_id: Type.Null(),
  prompt: Type.Null(),
  service_tier: Type.Null(),
};

/** Where a response stands. */
export const ResponseStatus = Type.Enum(["in_progress", "completed", "incomplete", "failed"]);
/** Where a response stands. */
export type ResponseStatus = Static<typeof ResponseStatus>;

/** OpenAI's response: what was asked, and what was answered. */
export const ResponseObject = Type.Object({
  id: Type.String(),
  object: Type.Literal("response"),
  created_at: Type.Integer({ description: "Seconds since the epoch." }),
  completed_at: orNull(Type.Integer({ description: "Seconds since the epoch." })),
  status: ResponseStatus,
  background: Type.Literal(false),
  store: Type.Literal(false, { description: "Nothing is kept." }),
  truncation: Type.Literal("disabled"),
  ...absent,
  ...Told.properties,
  model: Type.String(),
  error: orNull(Type.Object({ code: Type.Enum(["server_error", "rate_limit_exceeded", "invalid_prompt"]), message: Type.String() })),
  incomplete_details: orNull(Type.Object({ reason: Type.Enum(["max_output_tokens", "content_filter"]) })),
  output: Type.Array(OutputItem),
  output_text: Type.String({ description: "All text of the output, joined." }),
  usage: Type.Optional(ResponseUsage),
});
/** OpenAI's response. */
export type ResponseObject = Static<typeof ResponseObject>;
