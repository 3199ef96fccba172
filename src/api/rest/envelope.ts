import type { ConnectError } from "@connectrpc/connect";
import { errorToAnthropic, statusToAnthropic } from "../../dialects/anthropic/errors.ts";
import { errorToOllama } from "../../dialects/ollama/errors.ts";
import { errorToOpenAI, type ParamOf } from "../../dialects/openai/errors.ts";
import { ErrorBody as AnthropicErrorBody } from "../../dialects/anthropic/wire/errors.ts";
import { ErrorBody as OllamaErrorBody } from "../../dialects/ollama/wire/errors.ts";
import { ErrorBody as OpenAIErrorBody } from "../../dialects/openai/wire/errors.ts";
import { statusOf, type Exchange, type Serve } from "../exchange.ts";
import type { TSchema } from "typebox";

/** How the clients of one family of routes are told of a failure. */
export interface Envelope {
  /** The error's body; it names fields as the caller of these routes does. */
  readonly bodyOf: (error: ConnectError, exchange: Exchange) => object;
  /** HTTP status. */
  readonly statusOf: (error: ConnectError) => number;
  /** What that body is made of. */
  readonly schema: TSchema;
  /** Headers that all answers of these routes have, beside those of every answer; names in lower case. */
  readonly headersOf?: (exchange: Exchange) => Readonly<Record<string, string>>;
}

/** OpenAI's; `param` tells what the caller of one body calls our fields. */
export function openaiEnvelope(param?: ParamOf): Envelope {
  return { statusOf, schema: OpenAIErrorBody, bodyOf: (error) => errorToOpenAI(error, param) };
}

/** A route whose answers have its family's headers, whatever they are. */
export function marked(serve: Serve, { headersOf }: Envelope): Serve {
  if (headersOf === undefined) return serve;
  return (exchange) => {
    const headers = headersOf(exchange);
    for (const name of Object.keys(headers)) exchange.response.setHeader(name, headers[name] ?? "");
    return serve(exchange);
  };
}

/** What Anthropic's clients look for in every answer: the id under the name that they know. */
function anthropicHeaders({ call: { requestId } }: Exchange): Readonly<Record<string, string>> {
  return { "request-id": requestId };
}

/** Anthropic's; `places` tells where in one body the request's messages came from. */
export function anthropicEnvelope(places?: readonly string[]): Envelope {
  return {
    statusOf: statusToAnthropic,
    schema: AnthropicErrorBody,
    headersOf: anthropicHeaders,
    bodyOf: (error, { call: { requestId } }) => errorToAnthropic(error, { requestId, ...(places !== undefined && { places }) }),
  };
}

/** Ollama's. */
export const ollamaEnvelope: Envelope = { statusOf, schema: OllamaErrorBody, bodyOf: errorToOllama };
