import { connect, type Socket } from "node:net";
import { toBinary } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { connectionPreface, frameFlag, frameType, h2Frame, hpackHeader, hpackRequest, settingsFrame, word32 } from "./h2-frames.ts";
import { framed } from "./raw-rpc.ts";
import { userRequest } from "./sample-request.ts";

/** What a client does to a server that it means no good. */
export interface Attack {
  readonly what: string;
  /** Sent once, after connecting. */
  readonly opening: Buffer;
  /** Sent again and again; the number counts from 0. Absent: nothing more is said. */
  readonly next?: (round: number) => Buffer;
  /** Between two of them, ms; absent: as fast as the server reads. */
  readonly everyMs?: number;
  /** Whether what comes back is left unread. */
  readonly isDeaf?: boolean;
}

const streamPath = "/parley.v1.ChatService/Stream";
const grpc = { "content-type": "application/grpc", te: "trailers" };
const opened = Buffer.concat([connectionPreface, settingsFrame()]);
const streamOf = (round: number) => 2 * round + 1;
const together = (count: number, make: (index: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

/** Words to be repeated: each is 60 bytes over gRPC, and 200 over SSE. Clients may send 64 KiB before the server says how it goes on. */
const asking = (words: number) => framed(toBinary(ChatRequestSchema, userRequest("four ".repeat(words))));
/** Short ones: what is asked is work that was wanted, and no part of what a stalled reader costs. */
const jsonAsking = (words: number) => JSON.stringify({ messages: [{ role: "user", content: "a ".repeat(words) }], stream: true });
const longJson = jsonAsking(32_000);
const chatPath = "/v1/chat/completions";

const mostFrameBytes = 16_384;

function request(stream: number, body: Uint8Array, headers = hpackRequest(streamPath, grpc)): Buffer {
  const frames = [h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders, stream }, headers)];
  for (let at = 0; at < body.length; at += mostFrameBytes)
    frames.push(h2Frame({ type: frameType.data, stream }, body.subarray(at, at + mostFrameBytes)));
  frames.push(h2Frame({ type: frameType.data, flags: frameFlag.endStream, stream }));
  return Buffer.concat(frames);
}

/** A header that fills HPACK's table once, and is then named by one byte as often as it fits: 16 kB that say 60 MB. */
function bomb(stream: number): Buffer {
  const value = Buffer.alloc(3900, "x");
  const length = Buffer.from([0x7f, ...hpackNumber(value.length - 127)]);
  const seed = Buffer.concat([Buffer.of(0x40, 1), Buffer.from("a"), length, value]);
  const block = Buffer.concat([hpackRequest("/healthz"), seed, Buffer.alloc(12_000, 0xbe)]);
  return h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders | frameFlag.endStream, stream }, block);
}

function nothing(stream: number): Buffer {
  return h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders | frameFlag.endStream, stream }, hpackRequest("/nothing"));
}

function hpackNumber(value: number): number[] {
  return value < 128 ? [value] : [128 + (value % 128), ...hpackNumber(Math.floor(value / 128))];
}

/** Every attack by its name. */
export const attacks = {
  "rapid reset": {
    what: "streams are opened and reset at once",
    opening: opened,
    next: (round) =>
      together(100, (index) => {
        const stream = streamOf(round * 100 + index);
        const headers = h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders, stream }, hpackRequest(streamPath, grpc));
        return Buffer.concat([headers, h2Frame({ type: frameType.rstStream, stream }, word32(8))]);
      }),
  },
  "CONTINUATION flood": {
    what: "headers that never end",
    opening: Buffer.concat([opened, h2Frame({ type: frameType.headers, stream: 1 }, hpackRequest(streamPath))]),
    next: () => together(50, (index) => h2Frame({ type: frameType.continuation, stream: 1 }, hpackHeader(`x-${index}`, "1"))),
  },
  "empty CONTINUATION flood": {
    what: "headers that never end, and say nothing",
    opening: Buffer.concat([opened, h2Frame({ type: frameType.headers, stream: 1 }, hpackRequest(streamPath))]),
    next: () => together(500, () => h2Frame({ type: frameType.continuation, stream: 1 })),
  },
  "SETTINGS flood": {
    what: "settings, each of which is to be acknowledged",
    opening: opened,
    next: () => together(100, () => settingsFrame({ 4: 65_535 })),
  },
  "deaf SETTINGS flood": {
    what: "the same, and the acknowledgements are not read",
    opening: opened,
    next: () => together(100, () => settingsFrame({ 4: 65_535 })),
    isDeaf: true,
  },
  "PING flood": {
    what: "pings, each of which is to be answered",
    opening: opened,
    next: () => together(100, () => h2Frame({ type: frameType.ping }, Buffer.alloc(8))),
  },
  "deaf PING flood": {
    what: "the same, and the answers are not read",
    opening: opened,
    next: () => together(100, () => h2Frame({ type: frameType.ping }, Buffer.alloc(8))),
    isDeaf: true,
  },
  "WINDOW_UPDATE flood": {
    what: "window updates of one byte",
    opening: opened,
    next: () => together(200, () => h2Frame({ type: frameType.windowUpdate }, word32(1))),
  },
  "WINDOW_UPDATE flood beside calls": {
    what: "the same, with a call now and then",
    opening: opened,
    next: (round) =>
      Buffer.concat([
        together(200, () => h2Frame({ type: frameType.windowUpdate }, word32(1))),
        ...(round % 50 === 0 ? [nothing(streamOf(round / 50))] : []),
      ]),
  },
  "PRIORITY flood": {
    what: "priorities of streams that there are not",
    opening: opened,
    next: () => together(200, (index) => h2Frame({ type: frameType.priority, stream: streamOf(index) }, Buffer.from([0, 0, 0, 0, 16]))),
  },
  "empty DATA flood": {
    what: "a body of frames without a byte",
    opening: Buffer.concat([
      opened,
      h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders, stream: 1 }, hpackRequest(streamPath, grpc)),
    ]),
    next: () => together(200, () => h2Frame({ type: frameType.data, stream: 1 })),
  },
  "header bomb": {
    what: "headers that are small as they come and huge as they are meant",
    opening: opened,
    next: (round) => bomb(streamOf(round)),
  },
  "zero window": {
    what: "answers are asked for, and no room is given for them",
    opening: Buffer.concat([connectionPreface, settingsFrame({ 4: 0 }), together(20, (index) => request(streamOf(index), asking(500)))]),
  },
  "slow headers": {
    what: "HTTP/1.1's headers, a letter at a time",
    opening: Buffer.from("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: "),
    next: () => Buffer.from("x"),
    everyMs: 20,
  },
  "slow HTTP/2 headers": {
    what: "HTTP/2's headers, a frame at a time",
    opening: Buffer.concat([opened, h2Frame({ type: frameType.headers, stream: 1 }, hpackRequest(streamPath))]),
    next: () => h2Frame({ type: frameType.continuation, stream: 1 }, hpackHeader("x", "1")),
    everyMs: 20,
  },
  "slow frame": {
    what: "one frame of HTTP/2, a byte at a time",
    opening: Buffer.concat([opened, Buffer.from([0, 64, 0, 1, 4, 0, 0, 0, 1])]),
    next: () => Buffer.of(0),
    everyMs: 20,
  },
  "slow body": {
    what: "HTTP/1.1's body, a byte at a time",
    opening: Buffer.from(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{",
    ),
    next: () => Buffer.from(" "),
    everyMs: 20,
  },
  "slow gRPC body": {
    what: "gRPC's message, a byte at a time",
    opening: Buffer.concat([
      opened,
      h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders, stream: 1 }, hpackRequest(streamPath, grpc)),
    ]),
    next: () => h2Frame({ type: frameType.data, stream: 1 }, Buffer.of(0)),
    everyMs: 20,
  },
  "stalled SSE reader": {
    what: "a long answer over HTTP/1.1 that nobody reads",
    opening: Buffer.from(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${longJson.length}\r\n\r\n${longJson}`,
    ),
    isDeaf: true,
  },
  "stalled SSE reader over HTTP/2": {
    what: "a long answer over HTTP/2 that nobody reads",
    opening: Buffer.concat([
      opened,
      request(1, Buffer.from(jsonAsking(11_000)), hpackRequest(chatPath, { "content-type": "application/json" })),
    ]),
    isDeaf: true,
  },
  "stalled gRPC reader": {
    what: "a long answer over gRPC that nobody reads",
    opening: Buffer.concat([opened, request(1, asking(11_000))]),
    isDeaf: true,
  },
  "stalled gRPC streams": {
    what: "answers over gRPC on a hundred streams of one connection, that nobody reads",
    opening: Buffer.concat([opened, together(100, (index) => request(streamOf(index), asking(110)))]),
    isDeaf: true,
  },
} as const satisfies Readonly<Record<string, Attack>>;

/** Name of an attack. */
export type AttackName = keyof typeof attacks;

/** An attack that runs. */
export interface Attacked {
  readonly socket: Socket;
  /** Resolves when the server has closed the connection, with the ms that it took, and how many bytes it was sent. */
  readonly closed: Promise<{ readonly ms: number; readonly bytes: number }>;
  /** Begins to read: a client that does not cannot see that it has been cut off. */
  listen(): void;
  /** Whatever came back. */
  received(): Buffer;
  stop(): void;
}

/** Attacks a port over one connection, until the server closes it. */
export function attackPort(port: number, { opening, next, everyMs, isDeaf = false }: Attack): Attacked {
  const startedMs = performance.now();
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...(isDeaf && { highWaterMark: 1 }) });
  const chunks: Buffer[] = [];
  let round = 0;
  let timer: NodeJS.Timeout | undefined;
  const more = () => {
    if (next === undefined || socket.destroyed || socket.writableEnded) return;
    const wait = () => (everyMs === undefined ? setImmediate(more) : (timer = setTimeout(more, everyMs)));
    if (socket.write(next(round++))) wait();
    else socket.once("drain", wait);
  };
  socket.on("error", () => {});
  const listen = () => void socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
  if (!isDeaf) listen();
  socket.on("connect", () => {
    socket.write(opening);
    more();
  });
  const closed = new Promise<{ ms: number; bytes: number }>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve({ ms: performance.now() - startedMs, bytes: socket.bytesWritten });
      socket.destroy();
    };
    socket.once("end", end).once("close", end);
  });
  return { socket, closed, listen, received: () => Buffer.concat(chunks), stop: () => void socket.destroy() };
}
