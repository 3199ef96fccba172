import { connect, type Socket } from "node:net";
import type { Load, Tally } from "./load.ts";

// A client of HTTP/2 that knows as little as it can: it writes one prepared request again and again and looks only at the heads of the frames that come back.
// With node:http2 the client would be the slower side, and would measure itself.

const frameHeadBytes = 9;
const type = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 };
const flag = { endStream: 1, ack: 1, endHeaders: 4 };
const largestWindow = 2 ** 31 - 1;

/** What is asked again and again. */
export interface H2Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** How many requests run at once. */
export interface Concurrency {
  readonly connections: number;
  /** On each connection. */
  readonly streams: number;
}

/** Asks over so many connections with so many streams each, until it is stopped. */
export async function h2Load(port: number, request: H2Request, { connections, streams }: Concurrency): Promise<Load> {
  const template = requestFrames(request, port);
  const tally: Tally = { answers: 0, bytes: 0 };
  let failure: Error | undefined;
  const fail = (error: Error) => (failure ??= error);
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  for (const socket of sockets) drive(socket, { template, streams, tally, fail });
  return {
    tally() {
      if (failure !== undefined) throw failure;
      return { ...tally };
    },
    stop: () => sockets.forEach((socket) => socket.destroy()),
  };
}

interface Drive {
  readonly template: Buffer;
  readonly streams: number;
  readonly tally: Tally;
  readonly fail: (error: Error) => void;
}

function drive(socket: Socket, { template, streams, tally, fail }: Drive): void {
  const requests = copier(template);
  let received = 0;
  let rest: Buffer = Buffer.alloc(0);

  /** Whether the frame ends a stream. */
  const see = (kind: number, flags: number, payload: Buffer): boolean => {
    switch (kind) {
      case type.data:
        tally.bytes += payload.length;
        received += payload.length;
        return (flags & flag.endStream) !== 0;
      case type.headers:
        return (flags & flag.endStream) !== 0;
      case type.settings:
      case type.ping:
        if ((flags & flag.ack) === 0) socket.write(frame(kind, flag.ack, kind === type.ping ? payload : undefined));
        return false;
      case type.rstStream:
      case type.goaway:
        fail(new Error(`the server sent ${kind === type.goaway ? "GOAWAY" : "RST_STREAM"}`));
        return false;
      default:
        return false;
    }
  };

  socket.on("data", (data: Buffer) => {
    const chunk = rest.length === 0 ? data : Buffer.concat([rest, data]);
    let ended = 0;
    let at = 0;
    while (at + frameHeadBytes <= chunk.length) {
      const length = chunk.readUIntBE(at, 3);
      if (at + frameHeadBytes + length > chunk.length) break;
      if (see(chunk[at + 3] ?? 0, chunk[at + 4] ?? 0, chunk.subarray(at + frameHeadBytes, at + frameHeadBytes + length))) ended++;
      at += frameHeadBytes + length;
    }
    rest = at === chunk.length ? Buffer.alloc(0) : chunk.subarray(at);
    tally.answers += ended;
    if (received > largestWindow / 4) {
      socket.write(windowUpdate(received));
      received = 0;
    }
    if (ended > 0) socket.write(requests(ended));
  });
  socket.on("error", fail);
  socket.on("close", (hadError) => hadError || fail(new Error("the server closed a connection")));
  socket.write(Buffer.concat([preface(), requests(streams)]));
}

/** Makes so many copies of a request, each for the connection's next stream. */
function copier(template: Buffer): (count: number) => Buffer {
  const dataAt = frameHeadBytes + template.readUIntBE(0, 3);
  let nextStream = 1;
  return (count) => {
    const frames = Buffer.allocUnsafe(template.length * count);
    for (let at = 0; at < frames.length; at += template.length, nextStream += 2) {
      template.copy(frames, at);
      frames.writeUInt32BE(nextStream, at + 5);
      frames.writeUInt32BE(nextStream, at + dataAt + 5);
    }
    return frames;
  };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket.off("error", reject)));
  });
}

/** A frame of the connection; a stream's number is filled in later. */
function frame(kind: number, flags: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = kind;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

/** The magic words, and windows so wide that the server never waits. */
function preface(): Buffer {
  const initialWindow = Buffer.alloc(6);
  initialWindow.writeUInt16BE(4, 0);
  initialWindow.writeUInt32BE(largestWindow, 2);
  return Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    frame(type.settings, 0, initialWindow),
    windowUpdate(largestWindow - 65_535),
  ]);
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(type.windowUpdate, 0, payload);
}

function requestFrames({ path, headers, body }: H2Request, port: number): Buffer {
  const block = Buffer.concat([
    // Indexes of HPACK's static table: POST, http, and the names of path and authority.
    Buffer.of(0x83, 0x86),
    Buffer.of(0x04),
    hpackText(path),
    Buffer.of(0x01),
    hpackText(`127.0.0.1:${port}`),
    ...Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0x00), hpackText(name), hpackText(value)]),
  ]);
  return Buffer.concat([frame(type.headers, flag.endHeaders, block), frame(type.data, flag.endStream, body)]);
}

/** A text below 127 bytes, not Huffman-coded. */
function hpackText(text: string): Buffer {
  if (text.length > 126) throw new RangeError(`"${text}" is too long for this encoder`);
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
}
