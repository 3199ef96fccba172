import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { boundedText } from "../../core/bounded-text.ts";
import { fault, reasonOf, retryAfterMsOf, type Reason } from "../../core/reasons.ts";

/** Errors of whoever writes the answer; all others are the caller's doing, or a policy's. */
const breaks = new Set<Reason>([
  "provider_unavailable",
  "provider_error",
  "provider_timeout",
  "provider_truncated",
  "provider_malformed",
  "provider_rate_limited",
  "engine_failed",
]);

/** Room in a message for the error of the break, and for why nobody went on. */
const mostBytes = 360;

/** Whether an answer that ended with this error broke off, and may be gone on with. */
export function isBreak(error: unknown): error is ConnectError {
  return error instanceof ConnectError && breaks.has(reasonOf(error));
}

/** The error of a break as the caller gets it: with why nobody went on. */
export function gaveUp(error: ConnectError, why: string): ConnectError {
  const [info] = error.findDetails(ErrorInfoSchema);
  const retryAfterMs = retryAfterMsOf(error);
  const message = `${boundedText(error.rawMessage, mostBytes)}; the answer was not gone on with: ${boundedText(why, mostBytes)}`;
  return fault(reasonOf(error), message, {
    cause: error,
    ...(info !== undefined && { metadata: info.metadata }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** A stream that ended without its end mark. */
export function unended(): ConnectError {
  return fault("provider_truncated", "the answer ended without its end mark");
}
