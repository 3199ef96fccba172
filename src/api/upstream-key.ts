import { invalidField } from "../core/reasons.ts";
import type { RequestHead } from "./exchange.ts";

const header = "x-parley-upstream-key";

/** Longest key, characters: those of the known APIs have fewer than 200. */
const longestKey = 512;

/** The caller's own key for the upstream that will answer; undefined when it brings none. Throws `invalid_request` for what cannot be a key, without showing it. */
export function upstreamKeyOf({ headers }: Pick<RequestHead, "headers">): string | undefined {
  const given = headers[header];
  if (given === undefined || given === "") return undefined;
  if (typeof given !== "string" || given.length > longestKey || !/^[\u0021-\u007e]+$/.test(given))
    throw invalidField(header, `must be one key of at most ${longestKey} visible ASCII characters`);
  return given;
}
