import type { ConnectError } from "@connectrpc/connect";
import type { Caller } from "../core/context.ts";
import { hopsHeader, hopsOf } from "../core/hops.ts";
import type { Limits } from "../core/limits.ts";
import { isLoopbackAddress } from "../core/loopback.ts";
import { asFault, fault } from "../core/reasons.ts";
import type { Authenticate } from "./authenticate.ts";
import type { Cors } from "./cors.ts";
import { timeoutMsOf } from "./deadline.ts";
import type { Drain } from "./drain.ts";
import type { Called, RequestHead } from "./exchange.ts";
import type { CheckHost } from "./hosts.ts";
import { mayManage } from "./may-manage.ts";
import { upstreamKeyOf } from "./upstream-key.ts";

/** What the headers of a request say: who calls, for how long, and why it may not. */
export interface Verdict {
  readonly caller: Caller;
  /** The caller's own, ms; undefined when it has none, or a longer one than the service gives. */
  readonly timeoutMs: number | undefined;
  /** The caller's own key for the upstream. */
  readonly upstreamKey: string | undefined;
  /** Parleys that the request has come through. */
  readonly hops: number;
  readonly refusal: ConnectError | undefined;
}

/** What judging needs. */
export interface Judge {
  readonly authenticate: Authenticate;
  readonly cors: Cors;
  readonly checkHost: CheckHost;
  readonly drain: Drain;
  readonly limits: Limits;
}

const nobody: Caller = { tenant: "anonymous", keyId: "", scopes: [], models: [], isLoopback: false };

/** Judges a request by its headers alone. */
export function judge(request: RequestHead, procedure: Called, options: Judge): Verdict {
  const proxy = proxyHeader(request);
  const isLoopback = proxy === undefined && (request.isLoopbackPeer ?? isLoopbackAddress(request.socket.remoteAddress ?? ""));
  let caller: Caller | undefined;
  try {
    options.checkHost(request, procedure);
    caller = options.authenticate(request, procedure, isLoopback);
    const timeoutMs = timeoutMsOf(request.headers);
    const upstreamKey = upstreamKeyOf(request);
    const hops = hopsOf(request.headers[hopsHeader], options.limits);
    if (procedure.purpose === "management" && !mayManage(caller)) throw notForCaller(procedure, caller, proxy);
    checkCircumstances(request, procedure, options);
    const isWithin = timeoutMs !== undefined && timeoutMs <= options.limits.callMs;
    return { caller, timeoutMs: isWithin ? timeoutMs : undefined, upstreamKey, hops, refusal: undefined };
  } catch (error) {
    const nothing = { timeoutMs: undefined, upstreamKey: undefined, hops: 0 };
    return { caller: caller ?? { ...nobody, isLoopback }, ...nothing, refusal: asFault(error) };
  }
}

/** Throws what stands against a request whoever makes it: that the service goes away, and the page it comes from. */
function checkCircumstances(request: RequestHead, procedure: Called, { drain, cors }: Judge): void {
  if (drain.isDraining && procedure.purpose !== "probe")
    throw fault("draining", "the service is shutting down; try again, another replica may answer", { retryAfterMs: 1000 });
  if (isCausing(request, procedure) && cors.isForeignPage(request)) throw foreignPage(request);
}

/** Headers that a proxy leaves. Behind one on this machine every peer is a neighbour, whoever it speaks for. */
const proxyHeaders = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

function proxyHeader({ headers }: RequestHead): string | undefined {
  return proxyHeaders.find((name) => headers[name] !== undefined);
}

function notForCaller({ name }: Called, { keyId }: Caller, proxy: string | undefined): ConnectError {
  const peer = proxy === undefined ? "this peer is another machine" : `the header ${proxy} says that this request came through a proxy`;
  const why = keyId === "" ? peer : "this key lacks it";
  return fault("permission_denied", `${name} answers programs on the service's own machine, and keys with the scope admin: ${why}`);
}

/** Whether a request does something. Pages get to send any of these without a preflight, as text: that the reply is hidden from them undoes nothing. */
function isCausing({ method }: RequestHead, { purpose }: Called): boolean {
  return purpose === "management" || !(purpose === "probe" || method === "GET" || method === "HEAD" || method === "OPTIONS");
}

function foreignPage({ headers: { origin } }: RequestHead): ConnectError {
  const page = JSON.stringify(origin?.slice(0, 256));
  return fault("permission_denied", `origin: pages of ${page} may not call this service; its operator can list them in LLM_CORS_ORIGINS`);
}
