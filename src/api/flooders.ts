import type { Socket } from "node:net";
import type { Limits } from "../core/limits.ts";

/** Addresses from which floods have come, of IPv6 their networks. Many clients may share one, behind a proxy or a gateway: what comes anew waits, and is served then. */
export interface Flooders {
  /** A connection from there was closed as a flood. */
  note(address: string): void;
  /** Lets a connection in, at once or after a pause. A flood whose connection is closed comes back with another, and each costs what it takes to see that. */
  admit(connection: Socket, accept: () => void): void;
}

/** How many addresses are remembered. */
const mostAddresses = 10_000;

/** How many connections wait at most; what they have sent so far fills the system's buffers. Further ones are closed. */
const mostWaiting = 256;

/** The first may be a mistake. */
const leastFloods = 2;

/** The pause doubles with each further flood, up to so many of the first: longer would punish those who share the address. */
const mostPauses = 4;

/** How long a flood is remembered, pauses. */
const memory = 10;

interface Known {
  readonly floods: number;
  readonly untilMs: number;
}

const ignore = () => {};

/** Makes a memory of them. */
export function flooders({ floodPauseMs }: Pick<Limits, "floodPauseMs">): Flooders {
  /** Those that were noted last come last. */
  const known = new Map<string, Known>();
  const current = (address: string) => {
    const found = known.get(address);
    return found !== undefined && found.untilMs > performance.now() ? found : undefined;
  };
  /** How long what comes from there has to wait, ms; 0: not at all. */
  const pauseMsOf = (address: string) => {
    const beyondLeast = (current(address)?.floods ?? 0) - leastFloods;
    return beyondLeast < 0 ? 0 : floodPauseMs * Math.min(mostPauses, 2 ** beyondLeast);
  };
  let waiting = 0;
  return {
    note(remoteAddress) {
      const address = networkOf(remoteAddress);
      const floods = (current(address)?.floods ?? 0) + 1;
      known.delete(address);
      known.set(address, { floods, untilMs: performance.now() + memory * floodPauseMs });
      const [first] = known.keys();
      if (known.size > mostAddresses && first !== undefined) known.delete(first);
    },
    admit(connection, accept) {
      const { remoteAddress } = connection;
      const pauseMs = known.size === 0 || remoteAddress === undefined ? 0 : pauseMsOf(networkOf(remoteAddress));
      if (pauseMs === 0) return accept();
      if (waiting >= mostWaiting) return void connection.destroy();
      waiting += 1;
      // Not all at once, when their pause is over.
      const timer = setTimeout(resume, pauseMs * (0.5 + Math.random()));
      timer.unref();
      const stop = () => {
        clearTimeout(timer);
        waiting -= 1;
      };
      // Unheard, its error would end the process.
      connection.on("error", ignore).once("close", stop);
      function resume() {
        connection.off("error", ignore).off("close", stop);
        stop();
        if (!connection.destroyed) accept();
      }
    },
  };
}

/** Who has one address of IPv6 has the network of 64 bits around it, and may come from each of its addresses. An address of IPv4, written either way, stands for itself. */
function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [bare = ""] = address.split("%", 1);
  const [left = [], right = []] = bare.split("::").map((side) => (side === "" ? [] : side.split(":")));
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0"), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
