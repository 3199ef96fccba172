import type { ConnectError } from "@connectrpc/connect";
import { fault } from "../../core/reasons.ts";
import type { AskedUpstream } from "../../dialects/upstream-dialect.ts";
import { heardText } from "../../dialects/upstream-fault.ts";

/** What an answer was asked to be. */
export type Shape = "json" | "sse" | "ndjson";

/** What servers say that do not bother, or know no better. */
const vague = ["", "text/plain", "application/octet-stream", "binary/octet-stream"];

const fitting: Readonly<Record<Shape, readonly string[]>> = {
  json: [...vague, "application/json", "text/json"],
  sse: [...vague, "text/event-stream"],
  ndjson: [...vague, "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json", "application/x-jsonlines"],
};

const names: Readonly<Record<Shape, string>> = { json: "a whole answer", sse: "a stream of events", ndjson: "a stream of lines" };

/** The type of a body in lower case, without parameters; empty where none is said. */
export function mediaType(header: string | readonly string[] | undefined): string {
  const text = typeof header === "object" ? header[0] : header;
  return text?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether a body of a type can be what was asked for. */
export function fits(shape: Shape, type: string): boolean {
  return fitting[shape].includes(type) || (shape === "json" && type.endsWith("+json"));
}

/** The error of a body of another type. */
export function wrongType(shape: Shape, type: string, { provider, key }: Pick<AskedUpstream, "provider" | "key">): ConnectError {
  const message = `${provider} was asked for ${names[shape]} and answered with ${heardText(type, key)}; check that its baseUrl and kind are right`;
  return fault("provider_malformed", message, { provider });
}
