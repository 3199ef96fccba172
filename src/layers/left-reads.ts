import type { ConnectError } from "@connectrpc/connect";
import { fault } from "../core/reasons.ts";

/** Answers that are read on though their callers have left: no door knows of them any more, so that whoever ends the service must. */
export interface LeftReads {
  /** One begins; `abort` ends it at the end of the service. Returns what is to be called when it is over. */
  enter(abort: (error: ConnectError) => void): () => void;
  /** Ends those that run, and those that come, with `draining`; resolves when all are over. */
  end(): Promise<void>;
}

/** Starts with none. */
export function leftReads(): LeftReads {
  const running = new Set<(error: ConnectError) => void>();
  const idle = Promise.withResolvers<void>();
  let isEnding = false;
  const error = () => fault("draining", "the service is shutting down; the answer is read no further");
  return {
    enter(abort) {
      running.add(abort);
      if (isEnding) abort(error());
      return () => {
        running.delete(abort);
        if (isEnding && running.size === 0) idle.resolve();
      };
    },
    async end() {
      isEnding = true;
      for (const abort of running) abort(error());
      if (running.size > 0) await idle.promise;
    },
  };
}
