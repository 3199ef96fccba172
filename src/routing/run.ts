import type { CallContext } from "../core/context.ts";
import type { Destination, Stop } from "../core/targets.ts";

/** Where one run may go. */
export interface RunScope {
  readonly destination: Destination;
  /** Only these of its stops; undefined: all. */
  readonly accepts?: ((stop: Stop) => boolean) | undefined;
  /** Whether an answer that broke off is gone on with: attempts are counted on, it is never hedged, and an earlier run of the call has started. */
  readonly isContinuation: boolean;
  /** Called once, with the stop that serves, before the first of its events after `progress` is passed on. */
  readonly onServing?: ((stop: Stop) => void) | undefined;
}

/**
 * Asks a destination's stops until one has started and passes its events on, with all policies of routing inside; after that it tries nothing again.
 * What it tells of who served (`Kind.served`) is already in the events, and counted in `context.record`.
 */
export type Run<Request, Event> = (request: Request, context: CallContext, scope: RunScope) => AsyncIterable<Event>;
