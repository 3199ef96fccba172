import type { ConnectError } from "@connectrpc/connect";
import { boundedText } from "../core/bounded-text.ts";
import { fault, type FaultOptions, type Reason } from "../core/reasons.ts";
import { withoutKey } from "../core/secret.ts";
import type { AskedUpstream } from "./upstream-dialect.ts";

/** As much of an upstream's own words as a caller hears. */
const mostHeardBytes = 300;

/** How keys begin that are known by their beginning; upstreams repeat those they refuse. */
const keys = /\b(?:sk|pk|rk|hf|gsk|xai|nvapi|sess|key|AIza|ya29|eyJ)[-_.A-Za-z0-9*]{8,}|\bBearer\s+\S+/g;

/** What an upstream says of itself, as far as a caller may hear it: on one line, bounded, without the key that was sent, and without what looks like one. Empty for what is no text, and for the page of a proxy. */
export function heardText(words: unknown, key: string | undefined): string {
  if (typeof words !== "string" || /^\s*</.test(words)) return "";
  // A hostile body may be large: no more of it is looked at than can be told.
  const line = withoutKey(words, key)
    .slice(0, 4 * mostHeardBytes)
    .replaceAll(/[\p{Cc}\s]+/gu, " ");
  return boundedText(line.trim().replaceAll(keys, "***").toWellFormed(), mostHeardBytes);
}

/** What an upstream has refused, as it said it. */
export interface Refusal {
  /** The answer's status, or the one its error in a stream stands for. */
  readonly status: number;
  /** Its own words; may be empty. */
  readonly words: string;
  readonly retryAfterMs?: number | undefined;
}

/** A fault that names the upstream and repeats its words. */
export function upstreamFault(
  reason: Reason,
  message: string,
  {
    asked,
    refusal,
    metadata,
  }: { readonly asked: AskedUpstream; readonly refusal: Refusal; readonly metadata?: Readonly<Record<string, string>> },
): ConnectError {
  const heard = heardText(refusal.words, asked.key);
  const options: FaultOptions = {
    provider: asked.provider,
    metadata: { ...metadata, upstream_status: String(refusal.status) },
    ...(refusal.retryAfterMs !== undefined && { retryAfterMs: refusal.retryAfterMs }),
  };
  return fault(reason, heard === "" ? message : `${message} (it says: ${heard})`, options);
}

/** What a status means where the words say nothing more exact, and what has to be done about it. */
export function faultOfStatus(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { status } = refusal;
  const { provider } = asked;
  const make = (reason: Reason, message: string) => upstreamFault(reason, message, { asked, refusal });
  switch (status) {
    case 401:
    case 403:
      return credentialsFault(refusal, asked);
    case 402:
      return quotaFault(refusal, asked);
    case 404:
      return isUnknownPath(refusal.words)
        ? make("provider_malformed", `${provider} has no such path: check its base URL and kind`)
        : missingModelFault(refusal, asked);
    case 408:
      return make("provider_timeout", `${provider} gave up waiting for the request`);
    case 413:
      return make("context_length_exceeded", `the request is too large for ${provider}: shorten it`);
    case 429:
      return make("provider_rate_limited", `${provider} limits the rate of requests: send fewer, or configure further keys`);
    case 503:
    case 529:
      return make("provider_unavailable", `${provider} is overloaded or not ready`);
    default:
      return otherFault(refusal, asked);
  }
}

/** What servers say of a path that they do not have: a page, nothing, or that alone. */
function isUnknownPath(words: string): boolean {
  return /^\s*(?:$|<|(?:file |page |404 (?:page )?)?not found\.?\s*$)/i.test(words);
}

/** A model that an upstream does not have. */
export function missingModelFault(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { provider, model } = asked;
  const message = `${provider} has no model "${model}": check the name in the configuration, and the base URL`;
  return upstreamFault("model_not_found", message, { asked, refusal });
}

function otherFault(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { status } = refusal;
  const { provider } = asked;
  if (status >= 500) return upstreamFault("provider_error", `${provider} failed with status ${status}`, { asked, refusal });
  if (status >= 400) return upstreamFault("invalid_request", `${provider} refuses the request with status ${status}`, { asked, refusal });
  return upstreamFault("provider_malformed", `${provider} answers with status ${status}: check its base URL`, { asked, refusal });
}

/** A key that was refused: the operator's is mended in the configuration, the caller's own by the caller. */
export function credentialsFault(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { provider, model, isCallersKey } = asked;
  const isUnknown = refusal.status === 401;
  if (isCallersKey) {
    const message = isUnknown ? "your own key was refused" : `your own key may not use "${model}"`;
    return upstreamFault(isUnknown ? "unauthenticated" : "permission_denied", `${provider}: ${message}`, { asked, refusal });
  }
  const message = isUnknown
    ? `${provider} refuses its API key: put a valid one into the configuration`
    : `${provider} does not let its API key use "${model}": grant it access there, or configure another key`;
  return upstreamFault("provider_credentials", message, { asked, refusal });
}

/** No money or quota is left: waiting does not help, another key may. */
export function quotaFault(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const message = `${asked.provider}: the quota or credit of its account is used up: add credit there, or configure another key`;
  return upstreamFault("provider_rate_limited", message, { asked, refusal, metadata: { quota: "exhausted" } });
}

/** The prompt is longer than the model's context, with both numbers where they are known. */
export function promptTooLong(
  counts: { readonly promptTokens?: number | undefined; readonly contextLength?: number | undefined },
  refusal: Refusal,
  asked: AskedUpstream,
): ConnectError {
  const { promptTokens, contextLength } = counts;
  const whose = `"${asked.model}" at ${asked.provider}`;
  let message = `the prompt is longer than the context of ${whose}: shorten it`;
  if (promptTokens !== undefined && contextLength !== undefined) {
    const isAlone = promptTokens >= contextLength;
    message = `the prompt has ${promptTokens} tokens${isAlone ? "" : ", too many beside max_tokens"}, and ${whose} takes ${contextLength}: shorten it`;
  }
  const metadata = {
    ...(promptTokens !== undefined && { prompt_tokens: String(promptTokens) }),
    ...(contextLength !== undefined && { context_length: String(contextLength) }),
  };
  return upstreamFault("context_length_exceeded", message, { asked, refusal, metadata });
}

/** An answer that is not what its format allows. What it says is not repeated: it may hold the answer. */
export function malformed(asked: AskedUpstream, what: string): ConnectError {
  return fault("provider_malformed", `${asked.provider} sent ${what}`, { provider: asked.provider });
}

/** An answer that ended before it was whole. */
export function truncated(asked: AskedUpstream): ConnectError {
  return fault("provider_truncated", `the answer of ${asked.provider} ended before its end mark`, { provider: asked.provider });
}
