import { Type } from "typebox";
import { Verbosity } from "../../wire/chat-request.ts";
import { samplingFields } from "../../wire/sampling.ts";
import { AnyObject, integer, sayable } from "../../wire/shapes.ts";
import { InputFormat, InputTool, InputToolChoice, ResponseInput } from "./input.ts";

/** What `include` may name. What is of tools that there are not adds nothing. */
export const includable = [
  "message.output_text.logprobs",
  "reasoning.encrypted_content",
  "message.input_image.image_url",
  "file_search_call.results",
  "web_search_call.results",
  "web_search_call.action.sources",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
] as const;

const Reasoning = Type.Object({
  effort: sayable(Type.Enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  summary: sayable(Type.Enum(["auto", "detailed"], { description: "Thinking is told as its summary, uncut, rather than as itself." })),
  generate_summary: sayable(Type.Enum(["auto", "detailed"], { description: "The older name of summary." })),
  context: sayable(Type.Literal("auto")),
  mode: sayable(Type.Literal("standard")),
});

/** What asks for nothing that could not be given. */
const neutral = {
  background: sayable(Type.Literal(false)),
  store: sayable(Type.Literal(false, { description: "Nothing is kept, whether or not this is said." })),
  truncation: sayable(Type.Literal("disabled")),
  max_tool_calls: sayable(integer({ minimum: 1, description: "Counts calls of tools that a service has built in; here are none." })),
};

/** Body of `POST /v1/responses`. Nothing is kept between calls: what was said before is in `input`. */
export const ResponseRequest = Type.Object({
  ...samplingFields,
  ...neutral,
  model: Type.String({ minLength: 1, maxLength: 256 }),
  input: ResponseInput,
  instructions: sayable(Type.String()),
  stream: sayable(Type.Boolean()),
  stream_options: sayable(
    Type.Object({
      include_obfuscation: sayable(Type.Boolean({ description: "Whether deltas are padded, so that their sizes tell nothing." })),
    }),
  ),
  max_output_tokens: sayable(integer({ minimum: 1 })),
  tools: sayable(Type.Array(InputTool, { maxItems: 512 })),
  tool_choice: sayable(InputToolChoice),
  parallel_tool_calls: sayable(Type.Boolean()),
  text: sayable(Type.Object({ format: sayable(InputFormat), verbosity: Verbosity })),
  reasoning: sayable(Reasoning),
  include: sayable(Type.Array(Type.Enum([...includable]))),
  top_logprobs: sayable(integer({ minimum: 0, maximum: 20, description: "Above 0, logprobs are told whether or not include names them." })),
  metadata: sayable(Type.Record(Type.String(), Type.String())),
  user: sayable(Type.String({ maxLength: 256 })),
  safety_identifier: sayable(Type.String({ maxLength: 256 })),
  prompt_cache_key: sayable(Type.String({ maxLength: 256 })),
  prompt_cache_retention: sayable(Type.Enum(["in_memory", "24h"])),
  prompt_cache_options: sayable(AnyObject),
  service_tier: sayable(Type.Enum(["auto", "default", "flex", "scale", "priority", "fast"])),
  provider: sayable(Type.String({ description: "Only this upstream may answer." })),
});
