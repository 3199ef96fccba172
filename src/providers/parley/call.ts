import type { ConnectError } from "@connectrpc/connect";
import { Metadata, type CallOptions, type ServiceError, type StatusObject } from "@grpc/grpc-js";
import { isSpanContextValid, propagation, ROOT_CONTEXT, trace, type Span } from "@opentelemetry/api";
import { callersKeyHeader, isKey, noCallersKeys } from "../../core/callers-key.ts";
import { hopsHeader } from "../../core/hops.ts";
import type { Clock } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { Secret } from "../../core/secret.ts";
import { abortFault, throwIfAborted } from "../../core/signals.ts";
import type { UpstreamSettings } from "../../core/upstreams.ts";
import type { Channel } from "./channel.ts";
import { failureOf, type Asked } from "./failure.ts";
import type { Method } from "./methods.ts";

/** What of a call its sending needs; a list of models is asked for by no call. */
export interface CallFacts {
  readonly signal: AbortSignal;
  readonly deadlineMs: number | undefined;
  readonly upstreamKey: string | undefined;
  readonly span: Span | undefined;
  readonly hops: number;
}

/** One upstream with one key. */
export interface Upstream {
  readonly settings: UpstreamSettings;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly key: Secret | undefined;
}

/** Asks for one answer. */
export async function askOne<Request, Answer>(
  upstream: Upstream,
  method: Method<Request, Answer>,
  { request, facts }: { readonly request: Request; readonly facts: CallFacts },
): Promise<Answer> {
  const { signal } = facts;
  throwIfAborted(signal);
  const metadata = metadataOf(upstream, facts);
  await upstream.channel.connected(signal);
  throwIfAborted(signal);
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const done = (error: ServiceError | null, answer?: Buffer) => {
      signal.removeEventListener("abort", onAbort);
      if (error === null) resolve(answer ?? Buffer.alloc(0));
      else reject(endedWith(error, askedOf(upstream, facts, false), facts));
    };
    const { client } = upstream.channel;
    const call = client.makeUnaryRequest(method.path, method.encode, asIs, request, metadata, optionsOf(upstream, facts), done);
    const onAbort = () => {
      call.cancel();
      reject(abortFault(signal));
    };
    signal.addEventListener("abort", onAbort, { once: true });
  });
  return decoded(method, bytes, upstream);
}

/** What grpc-js does with bytes: nothing, for what cannot be read is for us to say. */
export function asIs(bytes: Buffer): Buffer {
  return bytes;
}

/** The message in an answer's bytes. Throws `provider_malformed`. */
export function decoded<Answer>({ decode }: Method<never, Answer>, bytes: Buffer, { settings: { name } }: Upstream): Answer {
  try {
    return decode(bytes);
  } catch (cause) {
    throw fault("provider_malformed", `${name} sent a message that cannot be read; check that it is a Parley`, { provider: name, cause });
  }
}

/** Who is asked, and how. */
export function askedOf({ settings, key }: Upstream, { upstreamKey }: CallFacts, hasAnswered: boolean): Asked {
  return { provider: settings.name, isCallersKey: upstreamKey !== undefined, hasAnswered, key: upstreamKey ?? key?.reveal() };
}

/** Why a call failed: because this side gave it up, or as the other side says. */
export function endedWith(status: Pick<StatusObject, "code" | "details" | "metadata">, asked: Asked, { signal }: CallFacts): ConnectError {
  return signal.aborted ? abortFault(signal) : failureOf(status, asked);
}

/** The other side hears how long it has, and plans by it; this side's signal ends the call. */
export function optionsOf({ clock }: Upstream, { deadlineMs }: CallFacts): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + Math.max(1, deadlineMs - clock.now()) };
}

/** Headers of a call. Throws `permission_denied` for a caller's own key where none is allowed. */
export function metadataOf({ settings, key }: Upstream, { upstreamKey, span, hops }: CallFacts): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(settings.headers)) metadata.set(name, value);
  const shown = upstreamKey === undefined ? key?.reveal() : allowed(settings, upstreamKey);
  if (shown !== undefined) metadata.set("authorization", `Bearer ${shown}`);
  metadata.set(hopsHeader, String(hops + 1));
  if (span !== undefined && isSpanContextValid(span.spanContext())) propagation.inject(trace.setSpan(ROOT_CONTEXT, span), metadata, setter);
  return metadata;
}

const setter = { set: (metadata: Metadata, name: string, value: string) => metadata.set(name, value) };

function allowed({ takesCallerKeys, name }: UpstreamSettings, upstreamKey: string): string {
  if (!takesCallerKeys) throw noCallersKeys(`${name} takes no keys of callers`);
  // What no header can carry is no key; it is not repeated, for it may be half of one.
  if (!isKey(upstreamKey)) throw fault("unauthenticated", `the header ${callersKeyHeader} holds characters that no key has, or too many`);
  return upstreamKey;
}
