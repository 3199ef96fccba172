import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { boundedText } from "./bounded-text.ts";

/** Whose fault an error is: the caller's, a policy's of the operator, the upstream's, or ours. */
export type Fault = "caller" | "policy" | "provider" | "parley";

/** What one reason means in every protocol. */
export interface ReasonRow {
  /** Status of RPCs. */
  readonly code: Code;
  /** Status of REST answers; a Code alone cannot give it (413, 405, 415, 408, 422). */
  readonly http: number;
  /** `type` of OpenAI's error object. */
  readonly openaiType: string;
  /** `code` of OpenAI's error object: always a string, since AI SDK rejects null and numbers. */
  readonly openaiCode: string;
  /** `type` of Anthropic's error object. */
  readonly anthropicType: string;
  readonly fault: Fault;
  /** Whether the same target may be asked again. */
  readonly retryable: boolean;
  /** Whether another target may be asked. */
  readonly movesOn: boolean;
  /** What `x-should-retry` says to SDKs; undefined leaves it to the status. */
  readonly shouldRetry: boolean | undefined;
}

type Traits = Partial<Pick<ReasonRow, "retryable" | "movesOn" | "shouldRetry">>;

function row(whose: Fault, code: Code, http: number, dialects: readonly [string, string, string], traits: Traits = {}): ReasonRow {
  const [openaiType, openaiCode, anthropicType] = dialects;
  return {
    code,
    http,
    openaiType,
    openaiCode,
    anthropicType,
    fault: whose,
    retryable: false,
    movesOn: false,
    shouldRetry: undefined,
    ...traits,
  };
}

const invalid = "invalid_request_error";
const again: Traits = { retryable: true, movesOn: true };
/** It was worked on, and may have to be paid for; or asking again would be refused again. */
const elsewhere: Traits = { movesOn: true, shouldRetry: false };

/** The one table of errors: every reason of `parley.v1.ErrorReason`, and what it means in every protocol. */
export const reasons = {
  invalid_request: row("caller", Code.InvalidArgument, 400, [invalid, "invalid_value", invalid]),
  malformed_body: row("caller", Code.InvalidArgument, 400, [invalid, "malformed_body", invalid]),
  unsupported_field: row("caller", Code.InvalidArgument, 400, [invalid, "unsupported_parameter", invalid], { movesOn: true }),
  context_length_exceeded: row("caller", Code.InvalidArgument, 400, [invalid, "context_length_exceeded", invalid], { movesOn: true }),
  model_not_found: row("caller", Code.NotFound, 404, [invalid, "model_not_found", "not_found_error"]),
  provider_not_found: row("caller", Code.NotFound, 404, [invalid, "provider_not_found", "not_found_error"]),
  route_not_found: row("caller", Code.Unimplemented, 404, [invalid, "route_not_found", "not_found_error"], { shouldRetry: false }),
  method_not_allowed: row("caller", Code.Unimplemented, 405, [invalid, "method_not_allowed", invalid], { shouldRetry: false }),
  body_too_large: row("caller", Code.ResourceExhausted, 413, [invalid, "body_too_large", "request_too_large"]),
  unsupported_media_type: row("caller", Code.InvalidArgument, 415, [invalid, "unsupported_media_type", invalid]),
  request_timeout: row("caller", Code.DeadlineExceeded, 408, ["timeout", "request_timeout", "timeout_error"]),
  caller_gone: row("caller", Code.Canceled, 499, [invalid, "caller_gone", invalid]),
  deadline_exceeded: row("caller", Code.DeadlineExceeded, 504, ["timeout", "deadline_exceeded", "timeout_error"], { shouldRetry: false }),
  model_state: row("caller", Code.FailedPrecondition, 409, ["conflict", "model_state", "conflict_error"], { shouldRetry: false }),
  quarantined: row("caller", Code.FailedPrecondition, 422, [invalid, "quarantined", invalid]),

  model_too_large: row("policy", Code.FailedPrecondition, 503, ["server_error", "model_too_large", "api_error"], {
    movesOn: true,
    shouldRetry: false,
  }),
  unauthenticated: row("policy", Code.Unauthenticated, 401, ["authentication_error", "invalid_api_key", "authentication_error"]),
  permission_denied: row("policy", Code.PermissionDenied, 403, ["permission_error", "permission_denied", "permission_error"]),
  rate_limited: row("policy", Code.ResourceExhausted, 429, ["rate_limit_error", "rate_limit_exceeded", "rate_limit_error"]),
  queue_full: row("policy", Code.ResourceExhausted, 503, ["overloaded", "queue_full", "overloaded_error"], {
    movesOn: true,
    shouldRetry: true,
  }),
  queue_timeout: row("policy", Code.ResourceExhausted, 503, ["overloaded", "queue_timeout", "overloaded_error"], {
    movesOn: true,
    shouldRetry: true,
  }),
  overloaded: row("policy", Code.Unavailable, 503, ["overloaded", "overloaded", "overloaded_error"], { shouldRetry: true }),
  draining: row("policy", Code.Unavailable, 503, ["overloaded", "draining", "overloaded_error"], { shouldRetry: true }),
  idempotency_conflict: row("policy", Code.Aborted, 409, ["conflict", "idempotency_conflict", "conflict_error"], { shouldRetry: false }),
  idempotency_mismatch: row("policy", Code.FailedPrecondition, 422, [invalid, "idempotency_mismatch", invalid]),
  time_limit: row("policy", Code.DeadlineExceeded, 504, ["timeout", "time_limit", "timeout_error"], { shouldRetry: false }),
  content_filtered: row("policy", Code.InvalidArgument, 400, [invalid, "content_filter", invalid]),

  provider_unavailable: row("provider", Code.Unavailable, 502, ["server_error", "provider_unavailable", "api_error"], again),
  provider_error: row("provider", Code.Unavailable, 502, ["server_error", "provider_error", "api_error"], again),
  provider_timeout: row("provider", Code.DeadlineExceeded, 504, ["timeout", "provider_timeout", "timeout_error"], elsewhere),
  provider_truncated: row("provider", Code.Unavailable, 502, ["server_error", "provider_truncated", "api_error"], again),
  provider_malformed: row("provider", Code.Unavailable, 502, ["server_error", "provider_malformed", "api_error"], elsewhere),
  provider_credentials: row("provider", Code.Internal, 500, ["server_error", "provider_credentials", "api_error"], elsewhere),
  provider_rate_limited: row(
    "provider",
    Code.ResourceExhausted,
    429,
    ["rate_limit_error", "provider_rate_limited", "rate_limit_error"],
    again,
  ),

  internal: row("parley", Code.Internal, 500, ["server_error", "internal_error", "api_error"], { movesOn: true, shouldRetry: false }),
  unimplemented: row("parley", Code.Unimplemented, 501, ["server_error", "unimplemented", "api_error"], { shouldRetry: false }),
  engine_failed: row("parley", Code.Unavailable, 503, ["server_error", "engine_failed", "api_error"], { movesOn: true, shouldRetry: true }),
  pull_failed: row("parley", Code.Unavailable, 502, ["server_error", "pull_failed", "api_error"], { shouldRetry: false }),
  data_corrupt: row("parley", Code.DataLoss, 500, ["server_error", "data_corrupt", "api_error"], { shouldRetry: false }),
} as const satisfies Record<string, ReasonRow>;

/** Name of an error reason: that of `parley.v1.ErrorReason` in lower case. */
export type Reason = keyof typeof reasons;

/** A field of the request that is at fault, and what is wrong with it. */
export interface FieldViolation {
  /** Path in the contract's names, such as `sampling.temperature` or `messages[2].parts[0].image`. */
  readonly field: string;
  readonly description: string;
}

/** What else an error carries. */
export interface FaultOptions {
  /** What must not leave the process: the log has it, the wire never. */
  readonly cause?: unknown;
  /** When to try again, ms; becomes RetryInfo, `retry-after` and `retry-after-ms`. */
  readonly retryAfterMs?: number;
  /** Name of the provider that failed. */
  readonly provider?: string;
  /** The fields at fault; becomes BadRequest. */
  readonly fields?: readonly FieldViolation[];
  /** Further facts for programs, documented at the reason in errors.proto. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Domain of every ErrorInfo of ours. */
export const errorDomain = "parley.v1";

// gRPC tells errors in trailers, and its clients take as little as 8 KiB of them: one that is larger ends as an opaque error of the connection.
// What names the caller's own words may be of any length, and so may the list of fields.
const mostMessageBytes = 800;
const mostFieldsBytes = 1600;
const mostFields = 64;
const mostNameBytes = 256;

/** Makes the only kind of error there is inside: a ConnectError whose details say the reason. Messages are lower case, name the thing, and say what to do. */
export function fault(reason: Reason, message: string, options: FaultOptions = {}): ConnectError {
  const facts = Object.entries({ ...options.metadata, ...(options.provider !== undefined && { provider: options.provider }) });
  const metadata = Object.fromEntries(facts.map(([key, value]) => [key, boundedText(value, mostNameBytes)]));
  const details: NonNullable<ConstructorParameters<typeof ConnectError>[3]> = [
    { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: reason.toUpperCase(), domain: errorDomain, metadata }) },
  ];
  if (options.retryAfterMs !== undefined) {
    details.push({
      desc: RetryInfoSchema,
      value: create(RetryInfoSchema, { retryDelay: durationFromMs(Math.ceil(options.retryAfterMs)) }),
    });
  }
  if (options.fields !== undefined && options.fields.length > 0) {
    details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations: boundedFields(options.fields) }) });
  }
  return new ConnectError(boundedText(message, mostMessageBytes), reasons[reason].code, undefined, details, options.cause);
}

/** The first fields, as many as there is room for. */
function boundedFields(fields: readonly FieldViolation[]): FieldViolation[] {
  let left = mostFieldsBytes;
  const bounded = fields.slice(0, mostFields).map((each) => ({
    field: boundedText(each.field, mostNameBytes),
    description: boundedText(each.description, mostMessageBytes),
  }));
  return bounded.filter(({ field, description }) => (left -= Buffer.byteLength(field) + Buffer.byteLength(description)) >= 0);
}

/** Refuses fields of a request; the message names the first and counts the rest. */
export function fieldsFault(reason: Reason, fields: readonly FieldViolation[], options: FaultOptions = {}): ConnectError {
  const [first] = fields;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : "";
  return fault(reason, `${first?.field ?? "a field"}: ${first?.description ?? "cannot be honoured"}${more}`, {
    ...options,
    fields,
  });
}

/** Refuses one field that is missing, out of range or contradicts another. */
export function invalidField(field: string, description: string): ConnectError {
  return fieldsFault("invalid_request", [{ field, description }]);
}

/** Refuses one field that cannot be honoured here. */
export function unsupportedField(field: string, because: string, options: FaultOptions = {}): ConnectError {
  return fieldsFault("unsupported_field", [{ field, description: `is not supported: ${because}` }], options);
}

/** The reason an error carries; `internal` when it carries none of ours. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof ConnectError)) return "internal";
  const info = error.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain);
  const reason = info?.reason.toLowerCase();
  return reason !== undefined && Object.hasOwn(reasons, reason) ? (reason as Reason) : reasonOfCode(error.code);
}

/** Turns whatever was thrown into an error that may leave the process: what is not a ConnectError of ours becomes an opaque internal one that keeps the cause. */
export function asFault(error: unknown): ConnectError {
  if (error instanceof ConnectError) {
    if (error.findDetails(ErrorInfoSchema).some(({ domain }) => domain === errorDomain)) return error;
    return fault(reasonOfCode(error.code), error.rawMessage, { cause: error });
  }
  return fault("internal", "internal error", { cause: error });
}

/** How long the caller is told to wait, ms; undefined when nothing is said. */
export function retryAfterMsOf(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? undefined : Number(delay.seconds) * 1000 + Math.ceil(delay.nanos / 1e6);
}

/** The first field at fault, for dialects that can name one. */
export function fieldOf(error: ConnectError): string | undefined {
  return error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field;
}

/** What a Code alone says: errors that Connect itself makes (a body that does not parse, a client that went away). */
function reasonOfCode(code: Code): Reason {
  switch (code) {
    case Code.Canceled:
      return "caller_gone";
    case Code.InvalidArgument:
      return "malformed_body";
    case Code.DeadlineExceeded:
      return "deadline_exceeded";
    case Code.Unimplemented:
      return "unimplemented";
    case Code.ResourceExhausted:
      return "body_too_large";
    case Code.Unauthenticated:
      return "unauthenticated";
    case Code.PermissionDenied:
      return "permission_denied";
    default:
      return "internal";
  }
}
