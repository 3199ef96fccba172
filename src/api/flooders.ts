import type { Socket } from "node:net";
import type { Limits } from "../core/limits.ts";

/** Addresses from which floods have come. Many clients may share one, behind a proxy or a gateway: nobody is refused for it, but what comes anew waits. */
export interface Flooders {
  /** A connection from there was closed as a flood. */
  note(address: string): void;
  /** Has a connection accepted, at once or after a pause. A flood whose connection is closed comes back with another, and each costs what it takes to see that. */
  admit(connection: Socket, accept: () => void): void;
}

/** How many addresses are remembered. */
const mostAddresses = 10_000;

const ignore = () => {};

/** Makes a memory of them. */
export function flooders({ floodPauseMs }: Pick<Limits, "floodPauseMs">): Flooders {
  /** Until when each is one, ms; those that were noted last come last. */
  const known = new Map<string, number>();
  const isKnown = (address: string) => (known.get(address) ?? 0) > performance.now();
  return {
    note(address) {
      known.delete(address);
      known.set(address, performance.now() + 2 * floodPauseMs);
      const [first] = known.keys();
      if (known.size > mostAddresses && first !== undefined) known.delete(first);
    },
    admit(connection, accept) {
      const { remoteAddress } = connection;
      if (known.size === 0 || remoteAddress === undefined || !isKnown(remoteAddress)) return accept();
      // Not all at once, when their pause is over.
      const timer = setTimeout(resume, floodPauseMs * (0.5 + Math.random()));
      timer.unref();
      const stop = () => clearTimeout(timer);
      // Unheard, its error would end the process.
      connection.on("error", ignore).once("close", stop);
      function resume() {
        connection.off("error", ignore).off("close", stop);
        if (!connection.destroyed) accept();
      }
    },
  };
}
