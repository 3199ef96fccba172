import type { ConnectError } from "@connectrpc/connect";
import { parsedJson, type JsonObject } from "../../../core/json.ts";
import { retryAfterMs } from "../../retry-after.ts";
import type { AskedUpstream, UpstreamFailure } from "../../upstream-dialect.ts";
import { faultOfStatus } from "../../upstream-fault.ts";
import { refusalOf, toldErrorOf } from "./told-error.ts";

/** What an answer that is no success means. */
export function faultOfAnswer({ status, headers, body }: UpstreamFailure, asked: AskedUpstream, nowMs: number): ConnectError {
  const told = refusalOf(parsedJson(body));
  return faultOfStatus({ status, words: told?.words ?? "", retryAfterMs: retryAfterMs(headers, nowMs) }, asked);
}

/** What an error inside a success means: in a chunk of a stream, or in an answer that came whole. Undefined where there is none. */
export function faultWithin(value: JsonObject, asked: AskedUpstream): ConnectError | undefined {
  const told = toldErrorOf(value);
  return told === undefined ? undefined : faultOfStatus({ status: told.status ?? 500, words: told.words }, asked);
}
