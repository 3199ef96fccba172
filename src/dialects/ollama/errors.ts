import type { ConnectError } from "@connectrpc/connect";
import { fieldOf } from "../../core/reasons.ts";
import type { ErrorBody } from "./wire/errors.ts";

/** What Ollama calls a field, by its path in the contract. */
const names: Readonly<Record<string, string>> = {
  max_tokens: "options.num_predict",
  stop: "options.stop",
  response_format: "format",
  reasoning: "think",
  raw_prompt: "prompt",
  "provider_options.ollama.num_ctx": "options.num_ctx",
  "provider_options.ollama.typical_p": "options.typical_p",
  "provider_options.ollama.keep_alive": "keep_alive",
};

/** Names a field as the caller of the body did. Paths that are Ollama's already stay as they are. */
function ollamaFieldOf(field: string): string {
  for (let at = field; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("."))))
    if (Object.hasOwn(names, at)) return names[at] ?? field;
  return field
    .replace(/^inputs(\[\d+\])?(\.text)?$/, "input$1")
    .replace(/^stop\[/, "options.stop[")
    .replace(/^sampling\./, "options.")
    .replace(/^(messages\[\d+\])\.parts.*/, "$1");
}

/** The error object for a fault; its text names the field as the caller did. */
export function errorToOllama(error: ConnectError): ErrorBody {
  const field = fieldOf(error);
  const begins = field !== undefined && error.rawMessage.startsWith(`${field}: `);
  const message = begins ? ollamaFieldOf(field) + error.rawMessage.slice(field.length) : error.rawMessage;
  return { error: message.toWellFormed() };
}

/** The same for the body of `/api/embeddings`, whose one input is its prompt. */
export function embeddingsErrorToOllama(error: ConnectError): ErrorBody {
  const told = errorToOllama(error);
  return { error: told.error.replace(/^input(\[0\])?(?=:)/, "prompt") };
}

/** An error in a stream that has begun: its last line. */
export function errorLine(error: ErrorBody): string {
  return `${JSON.stringify(error)}\n`;
}
