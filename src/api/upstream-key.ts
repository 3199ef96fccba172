import { callersKeyHeader, isKey, longestKey } from "../core/callers-key.ts";
import { invalidField } from "../core/reasons.ts";
import type { RequestHead } from "./exchange.ts";

/** The caller's own key for the upstream that will answer; undefined when it brings none. Throws `invalid_request` for what cannot be a key, without showing it. */
export function upstreamKeyOf({ headers }: Pick<RequestHead, "headers">): string | undefined {
  const given = headers[callersKeyHeader];
  if (given === undefined || given === "") return undefined;
  if (typeof given !== "string" || !isKey(given))
    throw invalidField(callersKeyHeader, `must be one key of at most ${longestKey} visible ASCII characters`);
  return given;
}
