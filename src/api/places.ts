import type { Caller } from "../core/context.ts";
import { fault } from "../core/reasons.ts";

/** Counts the calls that run now of each key whose number is limited. */
export interface Places {
  /** Takes a place for a caller, and answers with what gives it back; undefined where it needs none. Throws `rate_limited`. */
  take(caller: Caller): (() => void) | undefined;
}

/** Nobody knows when one of the key's calls ends. */
const retryAfterMs = 1000;

/** Makes the count; there is an entry for none but keys with calls. */
export function places(): Places {
  const running = new Map<string, number>();
  return {
    take({ keyId, limits }) {
      const most = limits?.concurrency;
      if (most === undefined) return undefined;
      const now = running.get(keyId) ?? 0;
      if (now >= most)
        throw fault("rate_limited", `this key's limit concurrency allows ${most} calls at once, and as many run`, {
          metadata: { limit: "key.concurrency" },
          retryAfterMs,
        });
      running.set(keyId, now + 1);
      return () => {
        const left = (running.get(keyId) ?? 1) - 1;
        if (left > 0) running.set(keyId, left);
        else running.delete(keyId);
      };
    },
  };
}
