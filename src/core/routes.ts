import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";

// Routes as they were configured; routing makes stops of them.

/** One place of a route. */
export interface RouteTarget {
  /** Name of an upstream, or llama-cpp, or echo. */
  readonly upstream: string;
  /** The model's name there. */
  readonly model: string;
  /** Share among neighbours that have one too; undefined: a rank of its own. */
  readonly weight: number | undefined;
  /** Which of the upstream's keys, from 1; undefined: all. */
  readonly key: number | undefined;
  /** Tokens of its context; undefined: unknown. */
  readonly contextLength: number | undefined;
  /** Holds the fields that the caller may leave out; undefined: none. */
  readonly parameters: ChatRequest | undefined;
}

/** A name that leads to targets. */
export interface RouteSettings {
  /** The name that clients ask for. */
  readonly model: string;
  /** Never empty; in the order in which they are tried. */
  readonly targets: readonly RouteTarget[];
  /** A second target is asked when the first has sent no content after so many ms, for at most so many percent of the calls; undefined: never. */
  readonly hedge: { readonly afterMs: number; readonly percent: number } | undefined;
  /** A broken text answer is gone on with, at most so many times; undefined: never. */
  readonly rescue: { readonly attempts: number } | undefined;
}
