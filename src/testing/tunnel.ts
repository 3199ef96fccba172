import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { Secret } from "../core/secret.ts";

/** A proxy that opens tunnels. */
export interface Tunnel {
  readonly url: Secret;
  /** The hosts that were asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** Starts one that leads to a port of this machine, whatever host is named. */
export async function startTunnel(port: number): Promise<Tunnel> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? "");
    const onward = connect(port, "127.0.0.1");
    sockets.add(socket).add(onward);
    socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
    onward.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: new Secret(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
