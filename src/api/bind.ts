import { createServer, type AddressInfo, type Server } from "node:net";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";

/** Where to listen. */
interface Place {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** Binds a server, and resolves with the real address. Throws `invalid_request` when it cannot be bound; what fails later, such as accepting a connection, is logged. */
export function bind(server: Server, { host, port }: Place, log: Log): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const onUnbound = (error: NodeJS.ErrnoException) =>
      reject(fault("invalid_request", `cannot listen on ${host}:${port}: ${bindProblem(error)}`, { cause: error }));
    server.once("error", onUnbound);
    server.listen({ host, port }, () => {
      server.off("error", onUnbound);
      server.on("error", (error) => log.error("the listener failed", { error }));
      resolve(server.address() as AddressInfo);
    });
  });
}

/** A server that is bound to all its ports. */
export interface Bound {
  readonly address: string;
  /** The first one. */
  readonly port: number;
  /** Takes no more connections on any port; resolves when those that were taken have ended. */
  close(): Promise<void>;
}

/** Binds a server, and makes further ports lead to it. Throws `invalid_request` when one of them cannot be bound, and leaves none open then. */
export async function bindAll(
  server: Server,
  place: Place & { readonly morePorts?: readonly number[] | undefined },
  log: Log,
): Promise<Bound> {
  const { address, port } = await bind(server, place, log);
  const all = [server];
  const close = async () => {
    await Promise.all(all.filter(({ listening }) => listening).map((each) => new Promise((resolve) => each.close(resolve))));
  };
  try {
    for (const other of place.morePorts ?? []) all.push(await bindTo(server, { host: place.host, port: other }, log));
  } catch (error) {
    await close();
    throw error;
  }
  return { address, port, close };
}

/** A further port of a server. It accepts as a front does, which decides what happens when a client closes its half. */
async function bindTo(server: Server, place: Place, log: Log): Promise<Server> {
  const other = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void server.emit("connection", socket));
  other.maxConnections = server.maxConnections;
  await bind(other, place, log);
  return other;
}

function bindProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "another program listens there; choose another port";
  if (code === "EACCES") return "it needs more rights; choose a port above 1023";
  if (code === "EADDRNOTAVAIL") return "this machine has no such address";
  return message;
}
