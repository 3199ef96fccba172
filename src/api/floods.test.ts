import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { createConnection, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, onTestFinished } from "vitest";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { text } from "../core/events.ts";
import { untilAborted } from "../core/signals.ts";
import { attackPort, attacks } from "../testing/attacks.ts";
import { connectionPreface, frameFlag, frameType, h2Frame, hpackRequest, settingsFrame, word32 } from "../testing/h2-frames.ts";
import { framed, rawRpc } from "../testing/raw-rpc.ts";
import { userRequest } from "../testing/sample-request.ts";
import { openDoors, saying } from "../testing/test-doors.ts";

it("a stream of many messages is no flood, however many bytes they are together", async () => {
  const doors = await openDoors(saying("hi"), { reflection: true, limits: { maxBodyBytes: 20_000, maxControlBytes: 1024 } });
  onTestFinished(() => doors.close());
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: doors.url }));
  let answered = 0;
  let onAnswer = () => {};
  // One at a time, and so many that the guard looks while they come.
  async function* asked() {
    for (let index = 0; index < 1500; index++) {
      const answer = new Promise<void>((resolve) => (onAnswer = resolve));
      yield { host: "x".repeat(15_000), messageRequest: { case: "listServices" as const, value: "" } };
      await answer;
    }
  }
  for await (const { messageResponse } of client.serverReflectionInfo(asked())) {
    if (messageResponse.case === "listServicesResponse") answered++;
    onAnswer();
  }
  expect(answered).toBe(1500);
});

it("a body whose end comes long after its head is no flood, however soon it is answered", async () => {
  const doors = await openDoors(saying("hi"), { limits: { maxControlBytes: 1024 } });
  onTestFinished(() => doors.close());
  const session = connect(doors.url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json" });
  stream.write("{");
  // The guard has looked by then: it does so every 100 ms.
  await sleep(250);
  stream.end(`"messages":[{"role":"user","content":${JSON.stringify("x".repeat(40_000))}}]}`);
  let answer = "";
  for await (const chunk of stream.setEncoding("utf8")) answer += chunk as string;
  expect(answer).toContain("hi");
  await sleep(250);
  expect(session.closed || session.destroyed).toBe(false);
});

const grpcHead = (stream: number, isLast = false) =>
  h2Frame(
    { type: frameType.headers, flags: frameFlag.endHeaders | (isLast ? frameFlag.endStream : 0), stream },
    hpackRequest("/parley.v1.ChatService/Chat", { "content-type": "application/grpc", te: "trailers" }),
  );
const reset = (stream: number) => h2Frame({ type: frameType.rstStream, stream }, word32(8));
const openedAndReset = (count: number) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => Buffer.concat([grpcHead(2 * index + 1), reset(2 * index + 1)])));

/** Whether a connection answers PINGs: two, for the first may be read together with what was sent before it. */
async function isAlive(socket: Socket): Promise<boolean> {
  const closed = once(socket, "close").then(() => false);
  let seen = Buffer.alloc(0);
  let onMore = () => {};
  socket.on("data", (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    onMore();
  });
  const answered = async (words: string) => {
    socket.write(h2Frame({ type: frameType.ping }, Buffer.from(words)));
    while (!seen.includes(words)) await new Promise<void>((resolve) => (onMore = resolve));
    return true;
  };
  return Promise.race([closed, answered("one more").then(() => answered("still up"))]);
}

async function rawSession(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(Buffer.concat([connectionPreface, settingsFrame()]));
  return socket;
}

it.each([
  [19, true],
  [60, false],
])("of streams that are reset as they are opened, %i at once leave the connection alive: %s", async (count, isLeft) => {
  const doors = await openDoors(saying("hi"), { limits: { maxUnseenResets: 20 } });
  onTestFinished(() => doors.close());
  const socket = await rawSession(doors.port);
  socket.write(openedAndReset(count));
  expect(await isAlive(socket)).toBe(isLeft);
  expect(doors.log.filter(({ message }) => message.includes("flood"))).toHaveLength(isLeft ? 0 : 1);
});

it("a client that ends hundreds of running calls at once keeps its connection, and those who share it their calls", async () => {
  const doors = await openDoors(async function* endless(_request, { signal }) {
    yield text(0, "hi");
    await untilAborted(new Promise(() => {}), signal);
  });
  onTestFinished(() => doors.close());
  const session = connect(doors.url);
  onTestFinished(() => session.destroy());
  const message = framed(toBinary(ChatRequestSchema, userRequest("x")));
  const begin = async () => {
    const stream = rawRpc(session, "/parley.v1.ChatService/Stream");
    stream.on("error", () => {});
    stream.end(message);
    await once(stream, "data");
    return stream;
  };
  const witness = await begin();
  const streams = await Promise.all(Array.from({ length: 400 }, begin));
  for (const stream of streams) stream.close(8);
  await new Promise((resolve) => session.ping(resolve));
  await begin();
  expect([witness.closed, session.closed, session.destroyed]).toEqual([false, false, false]);
});

it("a client that goes away with hundreds of calls that wait is no flooder", async () => {
  const doors = await openDoors(saying("hi"), { limits: { maxUnseenResets: 10, floodPauseMs: 10_000 } });
  onTestFinished(() => doors.close());
  for (let round = 0; round < 3; round++) {
    const socket = await rawSession(doors.port);
    socket.write(Buffer.concat(Array.from({ length: 300 }, (_, index) => grpcHead(2 * index + 1, true))));
    await once(socket, "data");
    socket.resetAndDestroy();
    await once(socket, "close");
  }
  expect(await isAlive(await rawSession(doors.port))).toBe(true);
  expect(doors.log.filter(({ message }) => message.includes("flood"))).toEqual([]);
});

it("what comes anew from an address of floods waits to be read, and is served then; other connections go on", async () => {
  const floodPauseMs = 300;
  const doors = await openDoors(saying("hi"), { limits: { maxControlFrames: 10, floodPauseMs } });
  onTestFinished(() => doors.close());
  const health = async (session: ClientHttp2Session) => {
    const startedMs = performance.now();
    const stream = session.request({ ":path": "/healthz" });
    for await (const _ of stream);
    return performance.now() - startedMs;
  };
  const open = () => {
    const session = connect(doors.url);
    onTestFinished(() => session.destroy());
    return session;
  };
  const before = open();
  await health(before);
  for (const _ of [1, 2]) await attackPort(doors.port, attacks["PING flood"]).closed;
  const after = open();
  expect(await health(after)).toBeGreaterThan(floodPauseMs / 2 - 10);
  expect((await fetch(`${doors.url}/healthz`)).status).toBe(200);
  await health(before);
  await health(after);
});

it("one that nghttp2 itself closes, for what came in one piece, is a flood as well", async () => {
  const doors = await openDoors(saying("hi"), {
    limits: { maxControlFrames: 100_000, maxControlBytes: 64 * 1024 * 1024, floodPauseMs: 10_000 },
  });
  onTestFinished(() => doors.close());
  const socket = await rawSession(doors.port);
  socket.on("error", () => {});
  socket.write(Buffer.concat(Array.from({ length: 24_000 }, () => h2Frame({ type: frameType.ping, stream: 0 }, Buffer.alloc(8)))));
  socket.resume();
  await once(socket, "close");
  await expect.poll(() => doors.log.filter(({ message }) => message.includes("flood"))).toHaveLength(1);
});
