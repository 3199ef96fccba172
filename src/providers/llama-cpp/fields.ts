import { honoured, inert, refused, serviceFields, type FieldTable } from "../../core/fields.ts";

const textOnly = refused("local models read text only");

/** What local models do with each field of a ChatRequest. */
export const llamaCppFields: FieldTable = {
  ...serviceFields,
  messages: honoured,
  "messages.provider_options": inert("local models know no options of a message; other providers' options are not theirs"),
  "messages.parts.image": textOnly,
  "messages.parts.audio": textOnly,
  "messages.parts.file": textOnly,
  "messages.parts.reasoning.signature": inert("local models sign no thinking, and check none"),
  "messages.parts.reasoning.redacted_data": inert("hidden thinking is another model's, which local ones could not read"),
  "messages.parts.provider_options": inert("local models know no options of a part; other providers' options are not theirs"),
  sampling: honoured,
  max_tokens: honoured,
  stop: honoured,
  tools: honoured,
  "tools.provider_options": inert("local models know no options of a tool; other providers' options are not theirs"),
  tool_choice: honoured,
  parallel_tool_calls: honoured,
  response_format: honoured,
  "response_format.json_schema.name": inert("local models are held to the schema, and are not told of it"),
  "response_format.json_schema.description": inert("local models are held to the schema, and are not told of it"),
  "response_format.json_schema.strict": inert("answers always match the schema exactly"),
  choices: honoured,
  top_logprobs: honoured,
  reasoning: honoured,
  raw_prompt: honoured,
  priority: honoured,
  min_tokens: honoured,
  ignore_eos: honoured,
  continue_final_message: honoured,
  chat_template_options: honoured,
  include_progress: honoured,
  provider_options: inert("local models know no options of their own; other providers' options are not theirs"),
};
