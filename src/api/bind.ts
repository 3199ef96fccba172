import type { AddressInfo, Server } from "node:net";
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

function bindProblem({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EADDRINUSE") return "another program listens there; choose another port";
  if (code === "EACCES") return "it needs more rights; choose a port above 1023";
  if (code === "EADDRNOTAVAIL") return "this machine has no such address";
  return message;
}
