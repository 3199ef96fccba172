import { honoured, inert, refused, serviceFields, type FieldTable } from "../../../core/fields.ts";

const noOptions = inert("this format knows no options");
const undrawn = refused("this format knows of temperature alone");
const noEnd = refused("this format has no say in where an answer ends but its length");
const noMedia = refused("this format takes text alone");
const noTools = refused("this format knows no tools");

/** What an upstream of the raw format does with each field of a ChatRequest: a prompt, a length and a temperature are all that it knows. */
export const rawFields: FieldTable = {
  ...serviceFields,
  messages: honoured,
  "messages.name": inert("this format has no names: who speaks is told by the role"),
  "messages.provider_options": noOptions,
  "messages.parts.provider_options": noOptions,
  "messages.parts.tool_call": noTools,
  "messages.parts.tool_result": noTools,
  "messages.parts.image": noMedia,
  "messages.parts.audio": noMedia,
  "messages.parts.file": noMedia,
  "messages.parts.reasoning": inert("this format takes no earlier thinking back"),
  sampling: undrawn,
  "sampling.temperature": honoured,
  max_tokens: honoured,
  stop: noEnd,
  tools: noTools,
  tool_choice: inert("there are no tools to choose from"),
  parallel_tool_calls: inert("there are no tools to call"),
  response_format: honoured,
  "response_format.json_object": refused("this format holds answers to no shape"),
  "response_format.json_schema": refused("this format holds answers to no shape"),
  "response_format.grammar": refused("this format holds answers to no shape"),
  choices: honoured,
  top_logprobs: refused("this format tells no probabilities"),
  reasoning: refused("this format cannot be told how much to think"),
  raw_prompt: honoured,
  "raw_prompt.token_ids": refused("this format takes prompts as text"),
  "raw_prompt.suffix": refused("this format fills no gaps"),
  "raw_prompt.echo": refused("this format does not repeat a prompt"),
  priority: inert("it orders our queues; this format knows none"),
  min_tokens: noEnd,
  ignore_eos: noEnd,
  continue_final_message: honoured,
  chat_template_options: refused("this format has no template"),
  include_progress: inert("this format tells nothing before its answer"),
  provider_options: noOptions,
};
