import type { IncomingMessage } from "node:http";
import { anthropicFormat } from "./anthropic.ts";
import { ollamaFormat } from "./ollama.ts";
import { promptFormat } from "./openai-prompts.ts";
import { rawFormat } from "./raw.ts";
import type { Format } from "./wire.ts";

/** Which format a request is in, and what it asks for. */
export interface Address {
  readonly format: Format;
  readonly work: "chat" | "embed" | "models";
}

type Headers = IncomingMessage["headers"];

/** Where everything is; without a format: OpenAI's. */
const places: Readonly<Record<string, { readonly work: Address["work"]; readonly format?: Format }>> = {
  "POST /v1/chat/completions": { work: "chat" },
  "POST /v1/completions": { work: "chat", format: promptFormat },
  "POST /v1/embeddings": { work: "embed" },
  "GET /v1/models": { work: "models" },
  "POST /v1/messages": { work: "chat", format: anthropicFormat },
  "POST /api/chat": { work: "chat", format: ollamaFormat },
  "POST /api/embed": { work: "embed", format: ollamaFormat },
  "GET /api/tags": { work: "models", format: ollamaFormat },
  "POST /llm": { work: "chat", format: rawFormat },
  "GET /health": { work: "models", format: rawFormat },
};

/** Finds it by method, path and headers; undefined: this API has no such thing. */
export function addressOf(openai: Format, { method = "", url = "", headers }: IncomingMessage): Address | undefined {
  const [path = ""] = url.split("?");
  const place = places[`${method} ${path}`];
  if (place === undefined) return undefined;
  // Two APIs have their list in the same place; the version in a header tells them apart.
  const format = place.format ?? (headers["anthropic-version"] === undefined ? openai : anthropicFormat);
  return { format, work: place.work };
}

/** The key that a request shows; empty: none. */
export function keyOf(headers: Headers): string {
  const key = headers["x-api-key"];
  return typeof key === "string" ? key : (headers.authorization ?? "").replace(/^bearer /iu, "");
}
