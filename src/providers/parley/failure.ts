import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { status as grpcStatus, type Metadata, type StatusObject } from "@grpc/grpc-js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema, type Status } from "../../../gen/google/rpc/status_pb.ts";
import { errorDomain, fault, reasons, type FaultOptions, type FieldViolation, type Reason } from "../../core/reasons.ts";
import { withoutKey } from "../../core/secret.ts";
import { heardText } from "../../dialects/upstream-fault.ts";

/** Who was asked, and how. */
export interface Asked {
  readonly provider: string;
  /** Whether the key was the caller's own: a refusal of it is then the caller's to mend. */
  readonly isCallersKey: boolean;
  /** Whether something of the answer had come: its end is then a cut. */
  readonly hasAnswered: boolean;
  /** The key that was sent, which nothing of what the other side says is told with. */
  readonly key: string | undefined;
}

/** What another Parley's reasons mean to callers of this one; those that are not here stay what they are. What it says of itself is said of it as a provider. */
const turned: { readonly [Name in Reason]?: Reason } = {
  malformed_body: "provider_error",
  provider_not_found: "provider_error",
  route_not_found: "provider_error",
  method_not_allowed: "provider_error",
  unsupported_media_type: "provider_error",
  body_too_large: "context_length_exceeded",
  request_timeout: "provider_timeout",
  // This side is still there, and its own deadline is kept by this side.
  caller_gone: "provider_unavailable",
  deadline_exceeded: "provider_timeout",
  unauthenticated: "provider_credentials",
  permission_denied: "provider_credentials",
  rate_limited: "provider_rate_limited",
  queue_full: "provider_unavailable",
  queue_timeout: "provider_unavailable",
  overloaded: "provider_unavailable",
  draining: "provider_unavailable",
  idempotency_conflict: "provider_error",
  idempotency_mismatch: "provider_error",
  time_limit: "provider_timeout",
  // Its key for an upstream of its own: none of ours is at fault.
  provider_credentials: "provider_error",
  internal: "provider_error",
  unimplemented: "provider_error",
  engine_failed: "provider_error",
  pull_failed: "provider_error",
  data_corrupt: "provider_error",
};

/** What a status without a reason means: a proxy on the way, another server than a Parley, or gRPC itself. */
const byCode: Readonly<Record<number, Reason>> = {
  [grpcStatus.CANCELLED]: "provider_unavailable",
  [grpcStatus.UNAVAILABLE]: "provider_unavailable",
  [grpcStatus.DEADLINE_EXCEEDED]: "provider_timeout",
  [grpcStatus.RESOURCE_EXHAUSTED]: "provider_rate_limited",
  [grpcStatus.UNAUTHENTICATED]: "provider_credentials",
  [grpcStatus.PERMISSION_DENIED]: "provider_credentials",
};

/** Facts of an error that stay true on this side. */
const keptFacts = ["prompt_tokens", "context_length", "model", "upstream_reason"];

/** The status with which a call ended, as a fault that names the upstream and keeps its reason, the fields at fault and when to try again. */
export function failureOf(ended: Pick<StatusObject, "code" | "details" | "metadata">, asked: Asked): ConnectError {
  const { provider, hasAnswered } = asked;
  const details = detailsOf(ended.metadata);
  const info = details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? []).find(({ domain }) => domain === errorDomain);
  const words = heardText(ended.details, asked.key);
  if (info === undefined) {
    const trouble = connectTrouble(ended.details);
    if (trouble !== undefined)
      return fault("provider_unavailable", `${provider} could not be connected${trouble}`, { provider, cause: new Error(words) });
    const reason = reasonOfCode(ended, asked);
    const cut = hasAnswered && reason === "provider_unavailable" ? "broke off its answer" : "failed";
    return fault(reason, `${provider} ${cut}${words === "" ? "" : ` (it says: ${words})`}`, { provider });
  }
  const reason = reasonOfInfo(info.reason, asked);
  // Its key for an upstream of its own was refused: that is no better at the next attempt, and no key of ours is at fault.
  const inner = info.reason === "PROVIDER_CREDENTIALS" ? { upstream_reason: "provider_credentials" } : {};
  const message = words === "" ? `${provider} refuses the request` : `${provider}: ${words}`;
  return fault(reason, advised(reason, message, provider), { provider, ...optionsOf(details, { ...info.metadata, ...inner }, asked) });
}

/** Why nothing was sent at all, as grpc-js says it; where that is, is for the log alone. Undefined: something was sent. */
function connectTrouble(details: string): string | undefined {
  if (details.startsWith("Name resolution failed")) return ": its name is not known";
  if (!details.includes("No connection established")) return undefined;
  if (/certificate|altnames/iu.test(details))
    return ": its certificate is not trusted; NODE_EXTRA_CA_CERTS names a file of further authorities";
  const code = /\bE[A-Z]{4,}\b/u.exec(details)?.[0];
  return code === undefined ? "" : ` (${code})`;
}

function advised(reason: Reason, message: string, provider: string): string {
  if (reason !== "provider_credentials") return message;
  return `${provider} refuses its API key or does not let it do this: put a key into the configuration that may (${message})`;
}

function reasonOfInfo(name: string, { isCallersKey }: Asked): Reason {
  const reason = name.toLowerCase();
  if (!Object.hasOwn(reasons, reason)) return "provider_error";
  const known = reason as Reason;
  if (isCallersKey && (known === "unauthenticated" || known === "permission_denied")) return known;
  return turned[known] ?? known;
}

function reasonOfCode({ code, details }: Pick<StatusObject, "code" | "details">, { isCallersKey }: Asked): Reason {
  if (isCallersKey && code === grpcStatus.UNAUTHENTICATED) return "unauthenticated";
  if (isCallersKey && code === grpcStatus.PERMISSION_DENIED) return "permission_denied";
  // grpc-js says so of an answer beyond our own limit.
  if (code === grpcStatus.RESOURCE_EXHAUSTED && details.startsWith("Received message larger than max")) return "provider_malformed";
  return byCode[code] ?? "provider_error";
}

type Details = Status["details"];

function detailsOf(metadata: Metadata | undefined): Details {
  const [bytes] = metadata?.get("grpc-status-details-bin") ?? [];
  if (!Buffer.isBuffer(bytes)) return [];
  try {
    return fromBinary(StatusSchema, bytes).details;
  } catch {
    // What cannot be read says nothing; the status itself still does.
    return [];
  }
}

function optionsOf(details: Details, metadata: Readonly<Record<string, string>>, { key }: Asked): FaultOptions {
  const [delay] = details.flatMap((any) => anyUnpack(any, RetryInfoSchema)?.retryDelay ?? []);
  const fields = details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []);
  const kept = keptFacts.flatMap((name) => (metadata[name] === undefined ? [] : [[name, withoutKey(metadata[name], key)] as const]));
  return {
    metadata: Object.fromEntries(kept),
    ...(delay !== undefined && { retryAfterMs: boundedMs(Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6)) }),
    ...(fields.length > 0 && { fields: fields.map((each) => heardField(each, key)) }),
  };
}

/** What the other side says of a field is heard as its other words are: it may repeat what it was sent. */
function heardField({ field, description }: FieldViolation, key: string | undefined): FieldViolation {
  return { field: heardText(field, key), description: heardText(description, key) };
}

/** No upstream is heeded beyond a year: what says more says never. */
const longestMs = 366 * 24 * 60 * 60 * 1000;

function boundedMs(ms: number): number {
  return Math.min(longestMs, Math.max(0, ms));
}
