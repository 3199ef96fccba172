import type { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { boundedText } from "./bounded-text.ts";
import { errorDomain, fault, reasonOf, retryAfterMsOf } from "./reasons.ts";

/** As much of an error's own message as stays when something is said behind it. */
const mostMessageBytes = 500;

/** The facts that an error carries for programs; empty when it carries none of ours. */
export function metadataOf(error: ConnectError): Readonly<Record<string, string>> {
  return error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain)?.metadata ?? {};
}

/** The same error with more behind its message, and with another time to try again, if one is given. */
export function withMore(error: ConnectError, more: string, retryAfterMs = retryAfterMsOf(error)): ConnectError {
  return fault(reasonOf(error), `${boundedText(error.rawMessage, mostMessageBytes)} ${more}`, {
    cause: error.cause ?? error,
    metadata: metadataOf(error),
    fields: error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
