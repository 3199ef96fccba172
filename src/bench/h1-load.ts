import { connect, type Socket } from "node:net";
import type { Load, Tally } from "./load.ts";

/** What is asked again and again. */
export interface H1Request {
  readonly path: string;
  /** JSON. */
  readonly body: string;
  /** Beside what every request has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Posts a body over so many connections of HTTP/1.1, one request at a time on each, until it is stopped. */
export async function h1Load(port: number, request: H1Request, connections: number): Promise<Load> {
  const bytes = requestBytes(request, port);
  const tally: Tally = { answers: 0, bytes: 0 };
  let failure: Error | undefined;
  const fail = (error: Error) => (failure ??= error);
  const sockets = Array.from({ length: connections }, () => connect({ port, host: "127.0.0.1", noDelay: true }));
  for (const socket of sockets) drive(socket, { request: bytes, tally, fail });
  return {
    tally() {
      if (failure !== undefined) throw failure;
      return { ...tally };
    },
    stop: () => sockets.forEach((socket) => socket.destroy()),
  };
}

/** A request as it goes over the wire. */
export function requestBytes({ path, body, headers = {} }: H1Request, port: number): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

interface Drive {
  readonly request: Buffer;
  readonly tally: Tally;
  readonly fail: (error: Error) => void;
}

function drive(socket: Socket, { request, tally, fail }: Drive): void {
  let bytes = 0;
  /** Bytes of the body still to come; undefined while the head is not here, infinite for a chunked body. */
  let left: number | undefined;
  let head = "";
  let tail = "";

  const ended = () => {
    tally.answers++;
    tally.bytes += bytes;
    [bytes, left, head, tail] = [0, undefined, "", ""];
    socket.write(request);
  };

  const body = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (left === Number.POSITIVE_INFINITY) {
      tail = (tail + chunk.toString("latin1", Math.max(0, chunk.length - 7))).slice(-7);
      if (tail === "\r\n0\r\n\r\n") ended();
    } else {
      left = (left ?? 0) - chunk.length;
      if (left === 0) ended();
    }
  };

  socket.on("data", (chunk: Buffer) => {
    if (left !== undefined) return body(chunk);
    head += chunk.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!head.startsWith("HTTP/1.1 200 ")) fail(new Error(`the server answered ${head.slice(0, end)}`));
    const length = /content-length: (\d+)/i.exec(head);
    left = length === null ? Number.POSITIVE_INFINITY : Number(length[1]);
    const first = Buffer.from(head.slice(end + 4), "latin1");
    if (left === 0) ended();
    else if (first.length > 0) body(first);
  });
  socket.on("error", fail);
  socket.on("close", (hadError) => hadError || fail(new Error("the server closed a connection")));
  socket.write(request);
}
