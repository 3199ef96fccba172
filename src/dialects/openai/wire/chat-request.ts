import { Type, type Static } from "typebox";
import { AskedMessage } from "./messages.ts";
import { completionFields } from "./sampling.ts";
import { AnyObject, integer, sayable } from "./shapes.ts";

const AskedTool = Type.Object({
  type: Type.Literal("function"),
  function: Type.Object({
    name: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" }),
    description: sayable(Type.String()),
    parameters: sayable(AnyObject),
    strict: sayable(Type.Boolean()),
  }),
});

const NamedTool = Type.Object({ type: Type.Literal("function"), function: Type.Object({ name: Type.String() }) });

/** Whether and which tools are called. */
const AskedToolChoice = Type.Union([
  Type.Enum(["none", "auto", "required"]),
  NamedTool,
  Type.Object({
    type: Type.Literal("allowed_tools"),
    allowed_tools: Type.Object({ mode: Type.Enum(["auto", "required"]), tools: Type.Array(NamedTool, { minItems: 1 }) }),
  }),
]);

/** How long an answer is to be. */
export const Verbosity = sayable(
  Type.Enum(["low", "medium", "high"], {
    description:
      "How long the answer is to be: a hint, told to upstreams of kind openai and openrouter; others have no such field, and it is passed over.",
  }),
);

/** What an upstream named `openai` is told of cost and storage; it never changes what an answer says. */
const passedFields = {
  service_tier: sayable(Type.Enum(["auto", "default", "flex", "scale", "priority", "fast"])),
  store: sayable(Type.Boolean()),
  prediction: sayable(AnyObject),
  verbosity: Verbosity,
  prompt_cache_retention: sayable(Type.String()),
  prompt_cache_options: sayable(AnyObject),
};

/** What the model's template is told. */
export const templateFields = {
  tools: sayable(Type.Array(AskedTool)),
  tool_choice: sayable(AskedToolChoice),
  parallel_tool_calls: sayable(Type.Boolean()),
  reasoning_effort: sayable(Type.Enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
  thinking_token_budget: sayable(integer({ minimum: 0 })),
  continue_final_message: sayable(Type.Boolean({ description: "vLLM's: the last message is the assistant's and is gone on from." })),
  add_generation_prompt: sayable(Type.Boolean({ description: "vLLM's; false goes only with continue_final_message." })),
  chat_template_kwargs: sayable(AnyObject),
};

/** Body of `POST /v1/chat/completions`. Fields that are known and cannot be honoured are refused by name; unknown ones are ignored. */
export const ChatCompletionRequest = Type.Object({
  ...completionFields,
  ...templateFields,
  ...passedFields,
  model: sayable(Type.String({ maxLength: 256, description: "Absent: the default model." })),
  messages: Type.Array(AskedMessage, { minItems: 1 }),
  max_completion_tokens: sayable(integer({ minimum: 1 })),
  max_tokens: sayable(integer({ minimum: 1, description: "The older name." })),
  modalities: sayable(Type.Array(Type.Literal("text"))),
  logprobs: sayable(Type.Boolean()),
  top_logprobs: sayable(integer({ minimum: 0, maximum: 20, description: "Needs logprobs." })),
  metadata: sayable(Type.Record(Type.String(), Type.String())),
  safety_identifier: sayable(Type.String({ maxLength: 256 })),
  prompt_cache_key: sayable(Type.String({ maxLength: 256 })),
});
/** Body of `POST /v1/chat/completions`. */
export type ChatCompletionRequest = Static<typeof ChatCompletionRequest>;
