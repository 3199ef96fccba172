import type { EngineEvent } from "./protocol/events.ts";
import type { EngineDecode, FromEngine } from "./protocol/messages.ts";

/** Gathers what one tick brings, so that one message carries it. */
export interface Outbox {
  add(id: number, event: EngineEvent): void;
  /** Whether the end of a call is among what there is to send. */
  readonly hasEnds: boolean;
  /** Tells the log what no call can be told. */
  trouble(what: string): void;
  /** Tells at once that the engine begins to work for one request alone; undefined: it has done so. What it does next may end the process. */
  handling(id: number | undefined): void;
  /** Tells at once whose prompts are read from now on, if those are others than before. */
  reading(ids: readonly number[]): void;
  /** Sends what there is, with the decodes since and the queue's length if it has changed. */
  flush(decodes: readonly EngineDecode[], queued: number): void;
}

/** An outbox that hands its messages to `send`. */
export function outbox(send: (message: FromEngine) => void): Outbox {
  let events: [number, EngineEvent][] = [];
  let hasEnds = false;
  let queuedBefore = 0;
  let readBefore = "";
  return {
    get hasEnds() {
      return hasEnds;
    },
    add(id, event) {
      hasEnds ||= event.type === "completed" || event.type === "failed";
      events.push([id, event]);
    },
    trouble: (what) => send({ type: "trouble", what }),
    handling: (id) => send({ type: "handling", ...(id !== undefined && { id }) }),
    reading(ids) {
      const now = ids.join();
      if (now === readBefore) return;
      readBefore = now;
      send({ type: "reading", ids });
    },
    flush(decodes, queued) {
      const isQueueChanged = queued !== queuedBefore;
      if (events.length === 0 && decodes.length === 0 && !isQueueChanged) return;
      queuedBefore = queued;
      send({ type: "tick", events, decodes, ...(isQueueChanged && { queued }) });
      events = [];
      hasEnds = false;
    },
  };
}
