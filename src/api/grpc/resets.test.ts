import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectionPreface, frameFlag, frameType, h2Frame, hpackHeader, settingsFrame, word32 } from "../../testing/h2-frames.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
let socket: Socket;
beforeEach(async () => {
  doors = await openDoors(saying("hi"));
  socket = connect(doors.port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(Buffer.concat([connectionPreface, settingsFrame()]));
  await once(socket, "data"); // its settings
  socket.resume();
});
afterEach(async () => {
  socket.destroy();
  await doors.close();
});

/** Headers of a call. */
function headers(stream: number): Buffer {
  const pairs = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "x",
    ":path": "/parley.v1.ChatService/Chat",
    "content-type": "application/grpc",
  };
  const block = Buffer.concat(Object.entries(pairs).map(([name, value]) => hpackHeader(name, value)));
  return h2Frame({ type: frameType.headers, flags: frameFlag.endHeaders, stream }, block);
}

const data = (stream: number, bytes: Uint8Array) => h2Frame({ type: frameType.data, stream }, bytes);
const reset = (stream: number, code: number) => h2Frame({ type: frameType.rstStream, stream }, word32(code));

const bodies = {
  none: [],
  "half a message": [0, 0, 0, 1, 0, 10],
  "no message": [0, 0, 0, 0, 2, 255, 255],
  "an empty message": [0, 0, 0, 0, 0],
} as const;

describe("a stream that its client resets", () => {
  it.each(
    Object.keys(bodies).flatMap((body) => [0, 1, 2, 8, 11].flatMap((code) => [true, false].map((together) => ({ body, code, together })))),
  )("with code $code after $body (in one packet: $together) ends its call and nothing else", async ({ body, code, together }) => {
    const bytes = Uint8Array.from(bodies[body as keyof typeof bodies]);
    for (let stream = 1; stream < 20; stream += 2) {
      const begin = Buffer.concat([headers(stream), ...(bytes.length > 0 ? [data(stream, bytes)] : [])]);
      if (together) socket.write(Buffer.concat([begin, reset(stream, code)]));
      else {
        socket.write(begin);
        await new Promise((resolve) => setImmediate(resolve));
        socket.write(reset(stream, code));
      }
    }
    // One that was reset before it was seen is no call.
    await expect.poll(() => doors.log.map(({ facts }) => facts["status"])).toEqual(Array(together ? 0 : 10).fill("caller_gone"));
    const answer = await fetch(`${doors.url}/health`);
    expect(answer.status).toBe(200);
    await doors.drain();
  });
});
