import { createHash } from "node:crypto";
import type { Caller } from "../../../core/context.ts";
import { fieldsFault } from "../../../core/reasons.ts";

/** So many ids of answered calls are remembered. */
const mostIds = 10_000;

/** An id that a call has taken. */
export interface TakenId {
  /** The answer is out: the id stays taken. */
  keep(): void;
  /** The call has ended: where its answer did not get out, its id is free again, so that its caller may try again. */
  leave(): void;
}

/**
 * Ids of the calls of `/invoke` that run or were answered, by whose they are. The older service replayed the answer of an id that came again; to replay it is for a store,
 * which this version lacks. To answer it anew would charge the caller twice, so it is refused as far as this process remembers.
 */
export class RequestIds {
  readonly #running = new Set<string>();
  /** The one that was answered last stands last. */
  readonly #answered = new Set<string>();

  /** Takes an id. Throws `idempotency_conflict` while a call with it runs, and `unimplemented` once one was answered. */
  take(owner: string, id: string): TakenId {
    const key = JSON.stringify([owner, id]);
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

/**
 * Whose an id is. A key's tenant has ids of its own. Callers without a key share one tenant: two programs that number their calls would refuse one another, so an id of theirs
 * goes with what it asks. What comes again as it was is the same call, which would be charged twice; the same number on another question is another's.
 */
export function ownerOf({ keyId, tenant }: Pick<Caller, "keyId" | "tenant">, body: unknown): string {
  return keyId === "" ? `${tenant} ${createHash("sha256").update(JSON.stringify(body)).digest("base64")}` : tenant;
}

function taken(reason: "idempotency_conflict" | "unimplemented", description: string) {
  return fieldsFault(reason, [{ field: "request_id", description }]);
}
