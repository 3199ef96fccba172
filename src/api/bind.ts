import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { socketOptions } from "./front.ts";

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

/** Binds a server, and makes further ports lead to it; its `maxConnections` is that of all together. Throws `invalid_request` when one of them cannot be bound, and leaves none open then. */
export async function bindAll(
  server: Server,
  place: Place & { readonly morePorts?: readonly number[] | undefined },
  log: Log,
): Promise<Bound> {
  const { morePorts = [] } = place;
  const connections = new Connections(server);
  const { address, port } = await bind(server, place, log);
  const all = [server];
  const close = async () => {
    await Promise.all(all.filter(({ listening }) => listening).map((each) => new Promise((resolve) => each.close(resolve))));
  };
  try {
    for (const other of morePorts) {
      const more = furtherServer(server, connections);
      await bind(more, { host: place.host, port: other }, log);
      all.push(more);
    }
  } catch (error) {
    // Whoever came by the ports before is not waited for.
    connections.destroy();
    await close();
    throw error;
  }
  return { address, port, close };
}

/** What listens on a further port of a server. It accepts as a front does, which decides what happens when a client closes its half. */
function furtherServer(server: Server, connections: Connections): Server {
  const further = createServer(socketOptions, (socket) => {
    connections.opened(further, socket);
    server.emit("connection", socket);
  });
  connections.share(further);
  return further;
}

/** The connections of a server's ports, which may together be as many as the server's own might. */
class Connections {
  readonly #most: number;
  readonly #open = new Set<Socket>();
  /** How many each port has. */
  readonly #counts = new Map<Server, number>();

  constructor(server: Server) {
    this.#most = server.maxConnections;
    this.share(server);
    // Those of further ports are led to it, and counted already.
    server.prependListener("connection", (socket) => {
      if (!this.#open.has(socket)) this.opened(server, socket);
    });
  }

  /** One more port takes part. */
  share(server: Server): void {
    this.#count(server, 0);
  }

  /** A port has taken a connection. */
  opened(server: Server, socket: Socket): void {
    this.#open.add(socket);
    this.#count(server, 1);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#count(server, -1);
    });
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #count(server: Server, more: number): void {
    this.#counts.set(server, (this.#counts.get(server) ?? 0) + more);
    for (const [each, own] of this.#counts) each.maxConnections = this.#most - (this.#open.size - own);
  }
}

function bindProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "another program listens there; choose another port";
  if (code === "EACCES") return "it needs more rights; choose a port above 1023";
  if (code === "EADDRNOTAVAIL") return "this machine has no such address";
  return message;
}
