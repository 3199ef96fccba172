import { connect, type Socket } from "node:net";

/** A bare connection, for what clients hide. */
export interface RawClient {
  readonly socket: Socket;
  /** Everything received so far. */
  text(): string;
  /** Sends as it is. */
  send(bytes: string | Uint8Array): void;
  /** Resolves when what was received matches; rejects when the connection closes first. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with everything received when the other side has closed. */
  closed(): Promise<string>;
}

/** Connects to the port of a URL. */
export async function rawClient(url: string): Promise<RawClient> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
  let received = "";
  let isClosed = false;
  const waiting = new Set<() => void>();
  const tell = () => waiting.forEach((check) => check());
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => ((received += chunk), tell()));
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  socket.on("close", () => ((isClosed = true), tell()));
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  const wait = (isDone: () => boolean) =>
    new Promise<string>((resolve, reject) => {
      const check = () => {
        if (!isDone() && !isClosed) return;
        waiting.delete(check);
        if (isDone()) resolve(received);
        else reject(new Error(`closed after: ${received}`));
      };
      waiting.add(check);
      check();
    });
  return {
    socket,
    text: () => received,
    send: (bytes) => void socket.write(bytes),
    until: (pattern) => wait(() => pattern.test(received)),
    closed: () => wait(() => isClosed),
  };
}
