import type { Span } from "@opentelemetry/api";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Concession } from "./concessions.ts";
import type { Target } from "./targets.ts";
import type { Kind } from "./work.ts";

/** What one key is held to. */
export interface CallerLimits {
  /** Calls at once. */
  readonly concurrency?: number;
  /** New tokens of one call, over all its choices. */
  readonly maxTokens?: number;
}

/** Who calls. */
export interface Caller {
  /** Whose data it is; caches and idempotency keys never cross it. */
  readonly tenant: string;
  /** Id of the key that was shown; empty when none was needed. */
  readonly keyId: string;
  /** What the key allows, such as `chat` or `admin`. */
  readonly scopes: readonly string[];
  /** Ids and aliases of the models it may use; undefined means all. */
  readonly models: readonly string[] | undefined;
  /** What its key is held to; absent: nothing beside what every call is. */
  readonly limits?: CallerLimits | undefined;
  /** Whether the peer's address is this machine's own. */
  readonly isLoopback: boolean;
}

/** The caller of a service that is open. */
export function anonymous(isLoopback: boolean): Caller {
  return { tenant: "anonymous", keyId: "", scopes: [], models: undefined, isLoopback };
}

/** What became of a call: filled on the way, read once by the observe layer or by admission at the end. The only part of a context that changes. */
export interface CallRecord {
  /** Target that was chosen last; undefined before routing. */
  target: Pick<Target, "provider" | "model" | "label"> | undefined;
  /** Attempts made so far, hedges included. */
  attempts: number;
  /** Number of the newest attempt whose target was asked itself, behind every queue; 0 before. */
  asked: number;
  /** Attempts that followed another, since that failed or was slow: not those that only asked for less than was refused. */
  further: number;
  /** Attempts that repeated one on the same target. */
  retries: number;
  /** Whether an upstream's rate limit was met. */
  isRateLimited: boolean;
  /** Whether a second attempt ran beside the first. */
  isHedged: boolean;
  /** Time at providers so far, all attempts, ms; undefined before the first has ended. */
  upstreamMs: number | undefined;
  /** Whether an estimate was answered where nobody counted. */
  isEstimated: boolean;
  /** Whether the observe layer has written this call's log line. */
  isLogged: boolean;
}

/** What a door knows of a call before it has read the request. */
export interface Call {
  /** Ours, unique; answered as `x-request-id`. */
  readonly requestId: string;
  /** Route or RPC, such as `POST /v1/chat/completions` or `parley.v1.ChatService/Stream`; a closed set, safe as a label. */
  readonly procedure: string;
  /** `grpc`, `grpc-web`, `connect` or `rest`. */
  readonly protocol: string;
  readonly caller: Caller;
  /** Instant, ms since the epoch, by the service's clock. */
  readonly startedMs: number;
  /** Instant by which the caller wants the answer, ms since the epoch. */
  readonly deadlineMs: number | undefined;
  /** Aborted when the caller is gone, its deadline has passed, or the drain limit is over; its reason is a fault. */
  readonly signal: AbortSignal;
  /** The SERVER span. */
  readonly span: Span;
  /** The caller's own key for the upstream. */
  readonly upstreamKey: string | undefined;
  /** Parleys that it has come through already. */
  readonly hops: number;
  readonly idempotencyKey: string | undefined;
  readonly record: CallRecord;
}

/** Prepares what a call needs; heeds its signal. */
export type Prepare = (context: Pick<CallContext, "model" | "signal" | "caller">) => Promise<void>;

/** A call with what the request says; passed to every layer. Layers that change something pass a copy on. */
export interface CallContext extends Call {
  /** Name of the kind of work. */
  readonly operation: string;
  /** The model as asked; empty for the default. */
  readonly model: string;
  /** Estimate of the prompt's tokens, for budgets. */
  readonly estimatedTokens: number;
  /** Whether the caller reads nothing before the end: a provider may then ask for the answer whole. */
  readonly isWhole: boolean;
  /** Called when a target is asked itself, behind every queue: from then on an attempt may cost. Undefined: nobody keeps books. */
  readonly onAsked?: (() => void) | undefined;
  /** What the caller can do without at targets that refuse it. Absent: nothing. */
  readonly concessions?: readonly Concession[] | undefined;
  /** What the caller wants done before the work begins: once the call is accepted and its model settled, and before any target is asked. Absent: nothing. */
  readonly prepare?: Prepare | undefined;
  /** Whether an estimate will do where nobody who serves the model counts its tokens. */
  readonly acceptsEstimate?: boolean;
  /** All chats of a call that asks for several, which are answered as one and share what the caller's key allows a call. Absent: the request alone. */
  readonly requests?: readonly ChatRequest[] | undefined;
  /** Whether the request's `max_tokens` is what its door usually asks for, and nothing that the caller said: a key that allows less lowers it. */
  readonly isMaxTokensUsual?: boolean | undefined;
}

/** A fresh record. */
export function callRecord(): CallRecord {
  return {
    target: undefined,
    attempts: 0,
    asked: 0,
    further: 0,
    retries: 0,
    isRateLimited: false,
    isHedged: false,
    upstreamMs: undefined,
    isEstimated: false,
    isLogged: false,
  };
}

/** What a door says of a call beside its request; what it leaves out is as in a call that has nothing special about it. */
export type CallDetails = Partial<
  Pick<CallContext, "isWhole" | "upstreamKey" | "concessions" | "prepare" | "requests" | "isMaxTokensUsual">
>;

/** Joins what the door knows with what the request says. Whole, unless it is said that the caller reads events as they come; with the call's own key for the upstream, unless there is another. */
export function callContext<Request>(
  call: Call,
  kind: Pick<Kind<Request, unknown>, "operation" | "modelOf">,
  request: Request,
  { isWhole = true, upstreamKey = call.upstreamKey, concessions, prepare, requests, isMaxTokensUsual }: CallDetails = {},
): CallContext {
  const { requestId, procedure, protocol, caller, startedMs, deadlineMs, signal, span, hops, idempotencyKey, record } = call;
  // Every field by its name, those that a layer may set later as well: then all contexts have one shape, and a copy costs a third.
  return {
    requestId,
    procedure,
    protocol,
    caller,
    startedMs,
    deadlineMs,
    signal,
    span,
    upstreamKey,
    hops,
    idempotencyKey,
    record,
    operation: kind.operation,
    model: kind.modelOf(request),
    estimatedTokens: 0,
    isWhole,
    onAsked: undefined,
    concessions,
    prepare,
    acceptsEstimate: false,
    requests,
    isMaxTokensUsual,
  };
}
