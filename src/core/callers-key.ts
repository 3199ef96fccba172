import type { ConnectError } from "@connectrpc/connect";
import { fault } from "./reasons.ts";

/** The header, and metadata of RPCs, in which a caller brings its own key for the upstream that will answer. */
export const callersKeyHeader = "x-parley-upstream-key";

/** Longest key, characters: those of the known APIs have fewer than 200, and a signed token has some thousand. */
export const longestKey = 4096;

/** Whether a text can be a key: what no header can carry is none. */
export function isKey(text: string): boolean {
  return text.length <= longestKey && /^[\x21-\x7e]+$/.test(text);
}

/** Refuses a caller's own key where nobody takes one; `who` says where that is. */
export function noCallersKeys(who: string): ConnectError {
  const description = `${who}: leave out the header ${callersKeyHeader}, or let the operator allow it`;
  return fault("permission_denied", description, { fields: [{ field: callersKeyHeader, description }] });
}
