import type { Media } from "../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../core/reasons.ts";

/** Bytes that came with the request. */
export interface InlineMedia {
  /** As it was said, else as the bytes begin; empty when neither tells. */
  readonly mimeType: string;
  readonly base64: string;
}

/** How base64 of well-known files begins. */
const beginnings: readonly (readonly [string, string])[] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
  ["JVBERi", "application/pdf"],
];

const dataUrl = /^data:([^;,]*)((?:;[^;,]*)*),/;

/** The bytes of a medium; undefined where it only points elsewhere. `at` names it in errors. Throws `invalid_request`. */
export function inlineMedia({ source, mimeType }: Media, at: string): InlineMedia | undefined {
  if (source.case === "data") return typed(mimeType, base64Of(source.value));
  if (source.case !== "url" || !source.value.startsWith("data:")) return undefined;
  const head = dataUrl.exec(source.value);
  if (head === null) throw invalidField(`${at}.url`, "is no data: URL");
  const [whole, type = "", parameters = ""] = head;
  const body = source.value.slice(whole.length);
  if (parameters.toLowerCase().endsWith(";base64")) return typed(mimeType || type, body);
  return typed(mimeType || type, base64Of(new TextEncoder().encode(percentDecoded(body, at))));
}

function typed(mimeType: string, base64: string): InlineMedia {
  if (mimeType !== "") return { mimeType: mimeType.toLowerCase(), base64 };
  return { mimeType: beginnings.find(([beginning]) => base64.startsWith(beginning))?.[1] ?? "", base64 };
}

function base64Of({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function percentDecoded(text: string, at: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidField(`${at}.url`, "is no data: URL: its escapes are broken");
  }
}
