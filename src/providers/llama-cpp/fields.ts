import { honoured, inert, refused, serviceFields, type FieldTable } from "../../core/fields.ts";

const noTools = refused("this version calls no tools with local models");
const textOnly = refused("local models read text only");

/** What local models do with each field of a ChatRequest. */
export const llamaCppFields: FieldTable = {
  ...serviceFields,
  messages: honoured,
  "messages.name": refused("chat templates of local models do not tell who of several speaks"),
  "messages.provider_options": inert("local models know no options of a message; other providers' options are not theirs"),
  "messages.parts.tool_call": noTools,
  "messages.parts.tool_result": noTools,
  "messages.parts.image": textOnly,
  "messages.parts.audio": textOnly,
  "messages.parts.file": textOnly,
  "messages.parts.reasoning": refused("this version does not give local models their earlier thinking"),
  "messages.parts.provider_options": inert("local models know no options of a part; other providers' options are not theirs"),
  sampling: honoured,
  max_tokens: honoured,
  stop: honoured,
  tools: noTools,
  tool_choice: inert("without tools there is nothing to choose"),
  parallel_tool_calls: inert("without tools there is nothing to call"),
  response_format: honoured,
  "response_format.json_object": refused("this version does not constrain what local models write"),
  "response_format.json_schema": refused("this version does not constrain what local models write"),
  "response_format.grammar": refused("this version does not constrain what local models write"),
  choices: honoured,
  top_logprobs: honoured,
  reasoning: refused("this version does not steer how local models think"),
  raw_prompt: honoured,
  priority: honoured,
  min_tokens: honoured,
  ignore_eos: honoured,
  continue_final_message: refused("this version always begins a new message"),
  chat_template_options: refused("this version renders chat templates without options"),
  include_progress: honoured,
  provider_options: inert("local models know no options of their own; other providers' options are not theirs"),
};
