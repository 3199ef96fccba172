import { connect as connectTcp } from "node:net";
import { connect } from "node:http2";
import { toBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { started, text } from "../core/events.ts";
import { untilAborted } from "../core/signals.ts";
import { framed, messagesOf, rawAnswer, rawRpc } from "../testing/raw-rpc.ts";
import { userRequest } from "../testing/sample-request.ts";
import { done, openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

let doors: TestDoors;
afterEach(() => doors.close());

const streamed = "/parley.v1.ChatService/Stream";
const question = framed(toBinary(ChatRequestSchema, userRequest("hello")));

describe("a connection that has become old", () => {
  it("is announced to end, serves what runs on it, and then closes; the next is served as ever", async () => {
    const goOn = Promise.withResolvers<void>();
    doors = await openDoors(
      async function* () {
        yield started("test", "tiny");
        await goOn.promise;
        yield text(0, "late");
        yield done(1);
      },
      { limits: { maxConnectionAgeMs: 50 } },
    );
    const session = connect(doors.url);
    const stream = rawRpc(session, streamed);
    stream.end(question);
    const answer = rawAnswer(stream);
    const closed = new Promise((resolve) => session.once("close", resolve));
    const [code, last] = await new Promise<[number, number]>((resolve) =>
      session.once("goaway", (...words) => resolve([words[0], words[1]])),
    );
    expect([code, last]).toEqual([0, 2 ** 31 - 1]);
    goOn.resolve();
    expect([messagesOf(await answer).length, (await answer).status]).toEqual([3, 0]);
    await closed;
    const other = connect(doors.url);
    const again = rawRpc(other, streamed);
    again.end(question);
    expect((await rawAnswer(again)).status).toBe(0);
    other.destroy();
  });
});

it("an old connection on which nothing runs is closed at once: what its client asks next is answered on another", async () => {
  doors = await openDoors(saying("hi"), { limits: { maxConnectionAgeMs: 50, idleConnectionMs: 60_000 } });
  const session = connect(doors.url);
  const first = rawRpc(session, streamed);
  first.end(question);
  const last = new Promise((resolve) => session.once("goaway", (_code: number, id: number) => resolve(id)));
  expect((await rawAnswer(first)).status).toBe(0);
  await new Promise((resolve) => session.once("close", resolve));
  // Not an announcement that it will be closed some time.
  expect(await last).toBe(1);
  const other = connect(doors.url);
  const again = rawRpc(other, streamed);
  again.end(question);
  expect((await rawAnswer(again)).status).toBe(0);
  other.destroy();
});

describe("a client that is not there any more", () => {
  /** The beginning of a connection that asks once, and then says nothing, not even to a PING. */
  const asking = () => {
    const frame = ([kind, flags, number]: readonly [number, number, number], payload: Uint8Array = new Uint8Array()) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(payload.length, 0, 3);
      head.writeUInt8(kind, 3);
      head.writeUInt8(flags, 4);
      head.writeUInt32BE(number, 5);
      return Buffer.concat([head, payload]);
    };
    const word = (name: string, value: string) =>
      Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
    const headers = [
      word(":method", "POST"),
      word(":scheme", "http"),
      word(":path", streamed),
      word(":authority", "x"),
      word("content-type", "application/grpc"),
    ];
    return Buffer.concat([
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      frame([4, 0, 0]),
      frame([1, 4, 1], Buffer.concat(headers)),
      frame([0, 1, 1], question),
    ]);
  };

  it("is cut off, and its call ends", async () => {
    doors = await openDoors(
      async function* (_request, { signal }) {
        yield started("test", "tiny");
        await untilAborted(new Promise(() => {}), signal);
      },
      { limits: { connectionPingMs: 40 } },
    );
    const socket = connectTcp({ port: doors.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve).once("end", resolve));
    socket.write(asking());
    socket.resume();
    await closed;
    await expect.poll(() => doors.log.at(-1)?.facts["status"]).toBe("caller_gone");
    socket.destroy();
  });

  it("is told from one that answers", async () => {
    const goOn = Promise.withResolvers<void>();
    doors = await openDoors(
      async function* () {
        yield started("test", "tiny");
        await goOn.promise;
        yield done(0);
      },
      { limits: { connectionPingMs: 20 } },
    );
    const session = connect(doors.url);
    const stream = rawRpc(session, streamed);
    stream.end(question);
    const answer = rawAnswer(stream);
    let pings = 0;
    await new Promise<void>((resolve) => session.on("ping", () => ++pings === 4 && resolve()));
    goOn.resolve();
    expect((await answer).status).toBe(0);
    session.destroy();
  });

  it("is not asked after while nothing runs", async () => {
    doors = await openDoors(saying("x"), { limits: { connectionPingMs: 10 } });
    const session = connect(doors.url);
    let pings = 0;
    session.on("ping", () => void pings++);
    const stream = rawRpc(session, streamed);
    stream.end(question);
    await rawAnswer(stream);
    const after = pings;
    for (let round = 0; round < 5; round++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(pings - after).toBe(0);
    session.destroy();
  });
});
