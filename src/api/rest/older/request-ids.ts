import { fieldsFault } from "../../../core/reasons.ts";

/** So many ids of answered calls are remembered. */
const mostIds = 10_000;

/** An id that a call has taken. */
export interface TakenId {
  /** The call has been answered: its id stays taken. */
  keep(): void;
  /** The call has ended: without an answer its id is free again, so that its caller may try again. */
  leave(): void;
}

/**
 * Ids of the calls of `/invoke` that run or were answered, by tenant. The older service replayed the answer of an id that came again; to replay it is for a store,
 * which this version lacks. To answer it anew would charge the caller twice, so it is refused as far as this process remembers.
 */
export class RequestIds {
  readonly #running = new Set<string>();
  /** The one that was answered last stands last. */
  readonly #answered = new Set<string>();

  /** Takes an id. Throws `idempotency_conflict` while a call with it runs, and `unimplemented` once one was answered. */
  take(tenant: string, id: string): TakenId {
    const key = JSON.stringify([tenant, id]);
    if (this.#running.has(key))
      throw taken("idempotency_conflict", "a call with this id is running: wait for its answer, or send a fresh id");
    if (this.#answered.has(key))
      throw taken(
        "unimplemented",
        "a call with this id was answered, and its replay needs a store of answers, which this version lacks: send a fresh id",
      );
    this.#running.add(key);
    return {
      keep: () => this.#remember(key),
      leave: () => void this.#running.delete(key),
    };
  }

  #remember(key: string): void {
    this.#answered.add(key);
    for (const oldest of this.#answered) {
      if (this.#answered.size <= mostIds) return;
      this.#answered.delete(oldest);
    }
  }
}

function taken(reason: "idempotency_conflict" | "unimplemented", description: string) {
  return fieldsFault(reason, [{ field: "request_id", description }]);
}
