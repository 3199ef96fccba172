import type { EngineError } from "./errors.ts";
import type { EngineEvent } from "./events.ts";
import type { EngineEstimate, EngineLoad, EngineModel } from "./load.ts";
import type { EngineAnswer, EngineQuestion } from "./questions.ts";
import type { EngineRequest } from "./request.ts";

// What the provider and the engine process of one model say to each other, as lines of JSON over a pipe of their own.
// Sizes are small on purpose: one message a tick carries what every sequence has written.

/** The file descriptor of a channel's end in the engine's process: lines of JSON, both ways. */
export const engineChannel = 3;

/** Longest message of an engine, bytes; beyond it something is wrong with it. The tokens of the longest text that a request may have take so much. */
export const mostMessageBytes = 256 * 1024 * 1024;

/** What the provider says. `id` names a request for as long as it lives. */
export type ToEngine =
  | { readonly type: "load"; readonly load: EngineLoad }
  /** Answers `estimated`: the place of the chosen size among the sizes. */
  | { readonly type: "proceed"; readonly size: number }
  | { readonly type: "generate"; readonly id: number; readonly request: EngineRequest }
  | { readonly type: "cancel"; readonly id: number }
  /** Its reader is slow: its sequences leave the batch until `resume`. */
  | { readonly type: "pause"; readonly id: number }
  | { readonly type: "resume"; readonly id: number }
  /** Something that is answered once. `cancel` takes it back. */
  | { readonly type: "ask"; readonly id: number; readonly question: EngineQuestion }
  | { readonly type: "ping" }
  /** Ends the process; what runs is cut off. */
  | { readonly type: "shutdown" };

/** One decode of a batch: sequences that took part, and sequences that were generating. */
export type EngineDecode = readonly [busySequences: number, activeSequences: number];

/** What the engine says. */
export type FromEngine =
  /** Comes once, before anything is loaded; waits for `proceed`. */
  | { readonly type: "estimated"; readonly estimate: EngineEstimate }
  | { readonly type: "loading"; readonly fractionDone: number }
  | { readonly type: "loaded"; readonly model: EngineModel }
  | { readonly type: "load-failed"; readonly error: EngineError }
  /** Everything since the last tick: events by request, decodes, and the queue's length if it has changed. */
  | {
      readonly type: "tick";
      readonly events: readonly (readonly [id: number, event: EngineEvent])[];
      readonly decodes: readonly EngineDecode[];
      readonly queued?: number;
    }
  /** Work for one request alone begins (its template, tokens, grammar), or without an id: is done. If the process ends meanwhile, that request is why. */
  | { readonly type: "handling"; readonly id?: number }
  /** The prompts of these requests are read from now on, until this is said again. */
  | { readonly type: "reading"; readonly ids: readonly number[] }
  | { readonly type: "answered"; readonly id: number; readonly answer: EngineAnswer }
  | { readonly type: "not-answered"; readonly id: number; readonly error: EngineError }
  /** Something went wrong that no call can be told; for the log. */
  | { readonly type: "trouble"; readonly what: string }
  /** `memoryBytes` is what the process takes, where its parent cannot ask the system. */
  | { readonly type: "pong"; readonly memoryBytes?: number; readonly stepMs?: number };
