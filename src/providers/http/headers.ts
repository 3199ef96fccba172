import { isSpanContextValid, propagation, ROOT_CONTEXT, trace, type Span } from "@opentelemetry/api";
import { callersKeyHeader, isKey, noCallersKeys } from "../../core/callers-key.ts";
import type { CallContext } from "../../core/context.ts";
import { hopsHeader } from "../../core/hops.ts";
import { headerProblem } from "../../core/own-headers.ts";
import { fault } from "../../core/reasons.ts";
import type { Secret } from "../../core/secret.ts";
import type { UpstreamSettings } from "../../core/upstreams.ts";
import type { UpstreamDialect, UpstreamRequest } from "../../dialects/upstream-dialect.ts";
import { acceptedEncodings } from "./encodings.ts";

/** Makes the headers of requests to one upstream with one key. */
export interface RequestHeaders {
  /** `accept` is what the answer is to be. Throws `permission_denied` for a caller's own key where none is allowed. */
  of(request: UpstreamRequest, options: { readonly accept: string; readonly context: HeaderContext }): Record<string, string>;
}

/** What of a call the headers need; a list of models is asked for by no call. */
export interface HeaderContext {
  readonly upstreamKey: string | undefined;
  readonly span: Span | undefined;
  readonly hops: number;
}

/** Makes them. Throws `invalid_request` for a configured header that HTTP or a key needs. */
export function requestHeaders(settings: UpstreamSettings, dialect: UpstreamDialect, key: Secret | undefined): RequestHeaders {
  const base: Record<string, string> = { "user-agent": "parley", [hopsHeader]: "1" };
  for (const [name, value] of Object.entries(settings.headers)) base[checked(name, value, settings.name)] = value;
  const own = key === undefined ? {} : dialect.authorize(key.reveal());
  /** The last made of each kind: those of most calls are the same, and nobody changes them. */
  const kept = new Map<string, { readonly headers: UpstreamRequest["headers"]; readonly all: Record<string, string> }>();
  const make = ({ headers, body }: UpstreamRequest, accept: string, authorization: Readonly<Record<string, string>>) => {
    const all: Record<string, string> = { ...base, accept, ...headers, ...authorization };
    all["accept-encoding"] = accept === json ? acceptedEncodings : "identity";
    if (body !== undefined) all["content-type"] = json;
    return all;
  };
  return {
    of(request, { accept, context: { upstreamKey, span, hops } }) {
      const isTraced = span !== undefined && isSpanContextValid(span.spanContext());
      if (upstreamKey === undefined && !isTraced && hops === 0) {
        const id = `${request.method} ${accept}`;
        const known = kept.get(id);
        if (known?.headers === request.headers) return known.all;
        const all = make(request, accept, own);
        kept.set(id, { headers: request.headers, all });
        return all;
      }
      const all = make(request, accept, upstreamKey === undefined ? own : callersKey(upstreamKey, settings, dialect));
      all[hopsHeader] = String(hops + 1);
      if (isTraced) propagation.inject(trace.setSpan(ROOT_CONTEXT, span), all); // W3C trace context
      return all;
    },
  };
}

/** What `accept` says where the answer comes whole. */
export const json = "application/json";

/** Whether the key that a call sends is its caller's own. */
export function isCallersKey({ upstreamKey }: Pick<CallContext, "upstreamKey">): boolean {
  return upstreamKey !== undefined;
}

/** The headers of the caller's own key. It is never repeated: what no header can carry may be half of one. */
function callersKey(key: string, { takesCallerKeys, name }: UpstreamSettings, dialect: UpstreamDialect): Readonly<Record<string, string>> {
  if (!takesCallerKeys) throw noCallersKeys(`${name} takes no keys of callers`);
  if (!isKey(key)) throw fault("unauthenticated", `the header ${callersKeyHeader} holds characters that no key has, or too many`);
  return dialect.authorize(key);
}

/** The name in lower case. */
function checked(name: string, value: string, upstream: string): string {
  const problem = headerProblem(name, value);
  const lower = name.toLowerCase();
  if (problem !== undefined) throw fault("invalid_request", `upstreams.${upstream}.headers: ${JSON.stringify(lower)} ${problem}`);
  return lower;
}
