import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { streamFrames } from "../proxy/answers.ts";

/** What an upstream does with a request, by the model that it names. */
const behaviours: Readonly<Record<string, (socket: Socket) => void>> = {
  /** Nothing at all. */
  headers() {},
  /** Headers, and nothing behind them. */
  first: (socket) => void socket.write(streamHead),
  /** The first words, and nothing behind them. */
  stream: (socket) => void socket.write(streamHead + streamFrames.slice(0, 4).map(chunk).join("")),
  /** A refusal that is worth trying again. */
  flaky: (socket) => void socket.write("HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"),
};

const streamHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** An upstream in this process that keeps callers waiting, and notes when they leave. */
export interface SilentUpstream {
  readonly port: number;
  /** The next request, once it has come whole; without one said (TLS that is never answered), the next connection. */
  arrived(): Promise<Arrival>;
  close(): Promise<void>;
}

/** A request, or a connection, that was let wait. */
export interface Arrival {
  /** Instant when the other side has closed its socket, ms as `performance.now` counts. */
  readonly closed: Promise<number>;
}

/** Starts one: `http` reads requests and does what their model says, `mute` takes connections and never says a word. */
export async function startSilent(kind: "http" | "mute"): Promise<SilentUpstream> {
  const sockets = new Set<Socket>();
  const waiting: ((arrival: Arrival) => void)[] = [];
  const came: Arrival[] = [];
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const closed = new Promise<number>((resolve) => {
      const note = () => resolve(performance.now());
      socket.once("end", note).once("close", note);
    });
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const arrive = () => {
      const waiter = waiting.shift();
      if (waiter === undefined) came.push({ closed });
      else waiter({ closed });
    };
    if (kind === "mute") arrive();
    let text = "";
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
      if (kind === "mute" || !isWhole(text)) return;
      const model = /"model":"([a-z]+)\d*"/u.exec(text)?.[1] ?? "";
      text = "";
      behaviours[model]?.(socket);
      arrive();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    arrived() {
      const arrival = came.shift();
      return arrival === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(arrival);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  return head >= 0 && text.length >= head + 4 + Number(/content-length: ?(\d+)/iu.exec(text)?.[1] ?? 0);
}
