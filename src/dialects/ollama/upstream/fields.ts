import { honoured, inert, refused, serviceFields, type FieldTable } from "../../../core/fields.ts";
import type { OllamaTraits } from "./traits.ts";

const noOptions = inert("Ollama knows no options here; other providers' options are not its");
const undrawn = refused("Ollama's runners do not know it");
const heldAnyway = "Ollama holds answers to the schema, and does not tell the model of it";

const table: FieldTable = {
  ...serviceFields,
  messages: honoured,
  "messages.name": inert("Ollama's messages have no names: who speaks is told by the role"),
  "messages.provider_options": noOptions,
  "messages.parts.provider_options": noOptions,
  "messages.parts.tool_result.is_error": inert("Ollama's models read what the tool said, and no mark beside it"),
  "messages.parts.image.detail": inert("Ollama's models see pictures in one size"),
  "messages.parts.image.file_name": inert("Ollama's models see pictures, not their names"),
  "messages.parts.image.mime_type": inert("Ollama looks at the bytes themselves"),
  "messages.parts.audio": refused("Ollama hears nothing; send text"),
  "messages.parts.file": refused("Ollama reads no documents; send their text"),
  "messages.parts.reasoning.signature": inert("Ollama's models sign no thinking, and check none"),
  "messages.parts.reasoning.redacted_data": inert("hidden thinking is another model's, which Ollama's could not read"),
  sampling: honoured,
  "sampling.logit_bias": undrawn,
  "sampling.xtc": undrawn,
  "sampling.dry": undrawn,
  max_tokens: honoured,
  stop: honoured,
  tools: honoured,
  "tools.provider_options": noOptions,
  tool_choice: honoured,
  parallel_tool_calls: honoured,
  response_format: honoured,
  "response_format.json_schema.name": inert(heldAnyway),
  "response_format.json_schema.description": inert(heldAnyway),
  "response_format.json_schema.strict": inert(heldAnyway),
  "response_format.grammar": refused("Ollama takes no grammars; send a json_schema"),
  choices: honoured,
  top_logprobs: honoured,
  reasoning: honoured,
  "reasoning.budget_tokens": honoured,
  raw_prompt: honoured,
  "raw_prompt.token_ids": refused("Ollama takes prompts as text"),
  "raw_prompt.suffix": refused("Ollama fills gaps by the model's template alone, which a raw prompt goes without"),
  "raw_prompt.echo": refused("Ollama does not repeat the prompt"),
  priority: inert("it orders our queues; Ollama has one"),
  min_tokens: honoured,
  ignore_eos: honoured,
  continue_final_message: refused(
    "whether Ollama goes on from a message is up to the model's template; the quirk prefill says that it does",
  ),
  chat_template_options: refused("Ollama passes no variables to templates; send reasoning"),
  include_progress: inert("Ollama tells nothing before its first words"),
  provider_options: honoured,
};

/** What an Ollama upstream does with each field of a ChatRequest. */
export function ollamaFields({ canContinue }: OllamaTraits): FieldTable {
  return canContinue ? { ...table, continue_final_message: honoured } : table;
}
