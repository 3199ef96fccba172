import { honoured, inert, refused, serviceFields, type FieldTable } from "../../../core/fields.ts";
import type { AnthropicTraits } from "./traits.ts";

const undrawn = refused("Anthropic draws by temperature, top_p and top_k alone");
const alwaysExact = "Anthropic holds answers to the schema itself, and knows no name of it";

const table: FieldTable = {
  ...serviceFields,
  end_user_id: honoured,
  messages: honoured,
  "messages.name": inert("messages of Anthropic's have no names: who speaks is told by the role"),
  "messages.provider_options": inert("messages of Anthropic's have no options; parts have cache_control"),
  "messages.parts.image.detail": inert("Anthropic scales pictures by their size"),
  "messages.parts.image.file_name": inert("pictures have no names at Anthropic"),
  "messages.parts.file.detail": inert("documents are read whole"),
  "messages.parts.audio": refused("Anthropic hears nothing; send text"),
  "sampling.temperature": honoured,
  "sampling.top_p": honoured,
  "sampling.top_k": honoured,
  "sampling.presence_penalty": honoured,
  "sampling.frequency_penalty": honoured,
  "sampling.repeat_penalty": honoured,
  "sampling.min_p": honoured,
  "sampling.repeat_last_n": inert("Anthropic has no penalties: any other than none is refused"),
  "sampling.seed": refused("Anthropic draws anew each time"),
  "sampling.logit_bias": undrawn,
  "sampling.xtc": undrawn,
  "sampling.dry": undrawn,
  sampling: honoured,
  max_tokens: honoured,
  stop: honoured,
  tools: honoured,
  tool_choice: honoured,
  parallel_tool_calls: honoured,
  response_format: honoured,
  "response_format.json_object": refused("Anthropic has no JSON mode; send a json_schema"),
  "response_format.json_schema.name": inert(alwaysExact),
  "response_format.json_schema.description": inert(alwaysExact),
  "response_format.json_schema.strict": inert(alwaysExact),
  "response_format.grammar": refused("Anthropic knows no grammars; send a json_schema"),
  choices: honoured,
  top_logprobs: refused("Anthropic tells no probabilities"),
  reasoning: honoured,
  raw_prompt: refused("Anthropic takes messages only"),
  priority: inert("it orders our queues; provider_options.anthropic.service_tier orders Anthropic's"),
  min_tokens: honoured,
  ignore_eos: honoured,
  continue_final_message: honoured,
  chat_template_options: refused("Anthropic's models have no template that callers know"),
  include_progress: inert("Anthropic tells nothing before its first content"),
  provider_options: honoured,
};

/** What an Anthropic upstream does with each field of a ChatRequest. */
export function anthropicFields({ canContinue, hasSchemas }: AnthropicTraits): FieldTable {
  return {
    ...table,
    ...(!canContinue && { continue_final_message: refused("this upstream's models answer anew; send a message of the user at the end") }),
    ...(!hasSchemas && {
      "response_format.json_schema": refused("this upstream's models are held to no schema; say in the messages what is wanted"),
    }),
  };
}
