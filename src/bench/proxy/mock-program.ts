import { createServer, type Socket } from "node:net";
import { streamFrames, wholeAnswer } from "./answers.ts";

// An upstream that costs next to nothing: it reads a request by its content-length alone, and answers with bytes made beforehand.
// It prints its port; a request for the model `slow` gets a frame each 20 ms, every other stream a frame a turn of the event loop.

const headEnd = "\r\n\r\n";
const unary = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(wholeAnswer)}${headEnd}${wholeAnswer}`,
);
const streamHead = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked${headEnd}`;
const frames = streamFrames.map((frame) => Buffer.from(`${Buffer.byteLength(frame).toString(16)}\r\n${frame}\r\n`));
const end = Buffer.from("0\r\n\r\n");
const slowMs = 20;

const server = createServer({ noDelay: true }, serve);
server.listen(0, "127.0.0.1", 4096, () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.stdout.write(`${address.port}\n`);
});

function serve(socket: Socket): void {
  let waiting = "";
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    waiting += chunk.toString("latin1");
    for (let size = sizeOf(waiting); size !== undefined; size = sizeOf(waiting)) {
      answer(socket, waiting.slice(0, size));
      waiting = waiting.slice(size);
    }
  });
}

/** How long the first request is; undefined: it has not come whole. */
function sizeOf(text: string): number | undefined {
  const head = text.indexOf(headEnd);
  if (head < 0) return undefined;
  const length = /content-length: ?(\d+)/i.exec(text.slice(0, head))?.[1] ?? "0";
  const size = head + headEnd.length + Number(length);
  return text.length < size ? undefined : size;
}

function answer(socket: Socket, request: string): void {
  if (!/"stream": ?true/.test(request)) return void socket.write(unary);
  const isSlow = /"model": ?"slow"/.test(request);
  socket.write(streamHead);
  let index = 0;
  const next = () => {
    if (socket.destroyed) return;
    const frame = frames[index++];
    socket.write(frame ?? end);
    if (frame === undefined) return;
    if (isSlow) setTimeout(next, slowMs);
    else setImmediate(next);
  };
  next();
}
