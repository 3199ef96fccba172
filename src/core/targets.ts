import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { FieldTable } from "./fields.ts";
import type { ModelPurpose } from "./ports.ts";
import type { Kind, Work } from "./work.ts";

// Where calls may go.

/** One place that can answer, with the policies around it: a model of an upstream, asked with one of its keys. The same object for as long as the service runs. */
export interface Target {
  readonly provider: string;
  /** The model's name there; `default` where the upstream chooses it. */
  readonly model: string;
  /** What metrics and books call the model: one of a closed set. */
  readonly label: string;
  /** Number of the upstream's key, from 1; 0 when it has none. Never the key itself. */
  readonly key: number;
  /** Whether it runs on this machine. */
  readonly isLocal: boolean;
  /** Whether an assistant message at the end of a conversation is gone on from rather than answered. */
  readonly canContinue: boolean;
  /** Whether callers may bring their own key for it. */
  readonly takesCallerKeys: boolean;
  readonly fields: FieldTable;
  /** The work with the target layers around it; undefined when the provider cannot do this kind. */
  workOf<Request, Event>(kind: Kind<Request, Event>): Work<Request, Event> | undefined;
}

/** A target in its place on a route. */
export interface Stop {
  readonly target: Target;
  /** Stops of the same rank are tried in an order drawn by weight; lower ranks first. */
  readonly rank: number;
  /** Share among its rank; 0: only when the others have failed. */
  readonly weight: number;
  /** Tokens of its context; undefined: unknown. */
  readonly contextLength: number | undefined;
  /** Fills in fields that the caller left out; undefined: none. */
  readonly fill: ((request: ChatRequest) => ChatRequest) | undefined;
  /** Whether another model than the route's first is meant here: answers then name it. */
  readonly isOtherModel: boolean;
}

/** What a model's name leads to. */
export interface Destination {
  /** The name to answer with: as asked, or the default's id. */
  readonly name: string;
  /** Never empty; by rank. */
  readonly stops: readonly Stop[];
  /** A second stop is asked when the first has sent no content after so many ms, for at most so many percent of the route's calls: one object a route. */
  readonly hedge?: { readonly afterMs: number; readonly percent: number } | undefined;
  /** A text answer that broke after it had started is gone on with, at most so many times. */
  readonly rescue?: { readonly attempts: number } | undefined;
}

/** From a name to targets; no name means the default for the purpose, `chat` unless said. Throws `model_not_found` or `provider_not_found`. */
export type Resolve = (model: string, provider: string, purpose?: ModelPurpose) => Destination;

/** A call, as far as names of models go. */
export interface NamedCall {
  /** Empty: the default. */
  readonly model: string;
  /** Empty: any. */
  readonly provider: string;
  readonly purpose: ModelPurpose;
  readonly signal: AbortSignal;
}

/** Learns what must be known before a name can be resolved; undefined: nothing. Rejects only when the signal is aborted. */
export type Learn = (call: NamedCall) => Promise<void> | undefined;
