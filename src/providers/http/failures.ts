import type { ConnectError } from "@connectrpc/connect";
import { limitFault } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import type { AskedUpstream } from "../../dialects/upstream-dialect.ts";
import { heardText } from "../../dialects/upstream-fault.ts";
import { ConnectTimeout, ProxyRefusal } from "./dial.ts";

/** What errors of a call say of it. */
export interface CallFacts {
  readonly provider: string;
  readonly connectMs: number;
}

/** What went wrong before an answer's headers had come. */
export function cutBefore(error: Error, wasSent: boolean, facts: CallFacts): ConnectError {
  const { provider, connectMs } = facts;
  const options = { provider, cause: causeOf(error) };
  if (error instanceof ConnectTimeout) {
    const message = `${provider} could not be connected within ${connectMs} ms; raise connectSeconds of this upstream if that is expected`;
    return fault("provider_timeout", message, { ...options, metadata: { limit: "connectMs" } });
  }
  if (error instanceof ProxyRefusal) {
    const advice = error.status === 407 ? "check the user and password in its URL" : "check that it allows this upstream";
    return fault("provider_unavailable", `${provider} was not reached: the proxy answered ${error.status}; ${advice}`, options);
  }
  const code = codeOf(error);
  if (code === "UND_ERR_HEADERS_OVERFLOW")
    return limitFault("maxUpstreamHeaderBytes", `${provider} sent more headers than limits.maxUpstreamHeaderBytes allows`, options);
  if (error.name === "HTTPParserError") return fault("provider_malformed", `${provider} did not answer in HTTP/1.1`, options);
  if (code === "UND_ERR_INVALID_ARG") return fault("internal", `the request to ${provider} could not be written`, options);
  if (isCertificate(code)) {
    const message = `the certificate of ${provider} is not trusted (${code}); NODE_EXTRA_CA_CERTS names a file of further authorities`;
    return fault("provider_unavailable", message, options);
  }
  const what = wasSent ? "closed the connection before it answered" : "could not be connected";
  return fault("provider_unavailable", `${provider} ${what}${code === "" ? "" : ` (${code})`}`, options);
}

/** A redirect is followed by nobody, and no second request is answered otherwise: a key must not travel to where its operator did not send it. */
export function redirectFault(status: number, location: unknown, { provider, key }: Pick<AskedUpstream, "provider" | "key">): ConnectError {
  const origin = typeof location === "string" ? URL.parse(location)?.origin : undefined;
  const where = origin === undefined || origin === "null" ? "" : ` to ${heardText(origin, key)}`;
  const message = `${provider} redirects${where} (${status}), which is not followed, since keys must not travel; set its baseUrl to the final address`;
  return fault("provider_malformed", message, { provider });
}

/** Parsers hang the bytes that they stumbled over on their errors: the log must not have those. */
function causeOf(error: Error): Error {
  const code = codeOf(error);
  return new Error(code === "" ? error.message : `${code}: ${error.message}`);
}

function codeOf(error: Error): string {
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code === "string") return code;
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : [];
  return first instanceof Error ? codeOf(first) : "";
}

function isCertificate(code: string): boolean {
  return code.includes("CERT") || code === "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
}
