import { gunzipSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RequestInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ChatEventSchema, ChatRequestSchema, ChatResponseSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { text } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
import { framed, messagesOf, rawAnswer, rawRpc, type RawAnswer } from "../../testing/raw-rpc.ts";
import { eventsOf, RawDoors, rawPaths, rawQuestion as question, reasonsOf } from "../../testing/raw-doors.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { failing, saying } from "../../testing/test-doors.ts";

const opened = new RawDoors();
const { open, ask } = opened;
const { chat, streamed } = rawPaths;
afterEach(() => opened.close());

describe("a unary call", () => {
  beforeEach(() => open(saying("hi", " there")));

  it("is answered with one message, the request id, and status 0 in the trailers", async () => {
    const answer = await ask(chat);
    const [message] = messagesOf(answer);
    expect(answer.headers).toMatchObject({
      ":status": 200,
      "content-type": "application/grpc+proto",
      "x-request-id": expect.stringMatching(/^req_/),
    });
    expect(Object.entries(answer.trailers)).toEqual([["grpc-status", "0"]]);
    expect(fromBinary(ChatResponseSchema, message!.bytes).choices[0]?.message?.parts[0]?.part.value).toMatchObject({ text: "hi there" });
    await expect
      .poll(() => opened.doors.log.at(-1)?.facts)
      .toMatchObject({ procedure: "parley.v1.ChatService/Chat", protocol: "grpc", status: "ok" });
  });

  it("comes in as many pieces as the client likes", async () => {
    const stream = rawRpc(opened.session, chat);
    for (const byte of question) stream.write(Uint8Array.of(byte));
    stream.end();
    expect((await rawAnswer(stream)).status).toBe(0);
  });

  it("answers a service whose messages leave out what is empty", async () => {
    const answer = await ask("/grpc.health.v1.Health/Check", framed(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema))));
    expect(fromBinary(HealthCheckResponseSchema, messagesOf(answer)[0]!.bytes).status).toBe(1);
  });
});

describe("a stream", () => {
  it("is sent as it comes, in order", async () => {
    await open(saying("one", " two"));
    const events = eventsOf(await ask(streamed));
    expect(events.map(({ event }) => event.case)).toEqual(["accepted", "started", "text", "text", "finished", "completed"]);
  });

  it("sends what is ready together in one write, and a lone message without delay", async () => {
    const next = Promise.withResolvers<void>();
    await open(async function* () {
      for (const word of ["a", "b", "c"]) yield text(0, word);
      await next.promise;
      yield text(0, "lone");
      await new Promise(() => {});
    });
    const stream = rawRpc(opened.session, streamed);
    stream.end(question);
    const pieces: Buffer[] = [];
    const arrived = () => new Promise<void>((resolve) => stream.once("data", (piece: Buffer) => (pieces.push(piece), resolve())));
    await arrived();
    const second = arrived();
    next.resolve();
    await second;
    const read = pieces.map((piece) => messagesOf({ pieces: [piece] } as unknown as RawAnswer).length);
    expect(read).toEqual([3, 1]);
    stream.close(8);
  });
});

describe("an error", () => {
  it("before anything was sent ends the call in its headers, with rich details", async () => {
    await open(failing(fault("model_not_found", "no such model: 100 % sure, Größe ≠ 0")));
    for (const path of [chat, streamed]) {
      const answer = await ask(path);
      expect([answer.isTrailersOnly, answer.status, answer.message]).toEqual([true, Code.NotFound, "no such model: 100 % sure, Größe ≠ 0"]);
      expect(reasonsOf(answer)).toEqual(["MODEL_NOT_FOUND"]);
      const ids = answer.rich?.details.flatMap((detail) => anyUnpack(detail, RequestInfoSchema)?.requestId ?? []);
      expect(ids).toEqual([answer.headers["x-request-id"]]);
    }
  });

  it("within a stream comes behind its messages, in the trailers", async () => {
    await open(async function* () {
      yield text(0, "a");
      throw new Error("secret");
    });
    const answer = await ask(streamed);
    expect([eventsOf(answer).length, answer.isTrailersOnly, answer.status, answer.message]).toEqual([
      1,
      false,
      Code.Internal,
      "internal error",
    ]);
    expect(JSON.stringify(answer.rich, (_key, value: unknown) => (typeof value === "bigint" ? "" : value))).not.toContain("secret");
    expect(opened.doors.log.find(({ message }) => message === "internal error")?.facts["error"]).toMatchObject({ message: "secret" });
  });

  it.each([
    ["a message that is too large", framed(new Uint8Array(2001)), {}, Code.ResourceExhausted, "BODY_TOO_LARGE", "maxBodyBytes"],
    ["no message", new Uint8Array(), {}, Code.Unimplemented, "MALFORMED_BODY", "missing input message"],
    ["half a head", Uint8Array.of(0, 0), {}, Code.InvalidArgument, "MALFORMED_BODY", "within a message"],
    ["half a message", question.subarray(0, -1), {}, Code.InvalidArgument, "MALFORMED_BODY", "within a message"],
    ["two messages", Buffer.concat([question, question]), {}, Code.Unimplemented, "MALFORMED_BODY", "extra input message"],
    ["unknown flags", framed(new Uint8Array(), 2), {}, Code.InvalidArgument, "MALFORMED_BODY", "flags"],
    ["bytes that are no message", framed(Uint8Array.of(0xff, 0xff)), {}, Code.InvalidArgument, "MALFORMED_BODY", "parse binary"],
    ["compression that no header names", framed(gzipSync(""), 1), {}, Code.Internal, "MALFORMED_BODY", "grpc-encoding"],
    ["what is no gzip", framed(Uint8Array.of(1, 2), 1), { "grpc-encoding": "gzip" }, Code.InvalidArgument, "MALFORMED_BODY", "is none"],
    [
      "a compressed bomb",
      framed(gzipSync(Buffer.alloc(1e6)), 1),
      { "grpc-encoding": "gzip" },
      Code.ResourceExhausted,
      "BODY_TOO_LARGE",
      "limits",
    ],
    ["an unknown compression", question, { "grpc-encoding": "snappy" }, Code.Unimplemented, "UNIMPLEMENTED", "snappy"],
    ["a deadline that cannot be read", question, { "grpc-timeout": "soon" }, Code.InvalidArgument, "INVALID_REQUEST", "grpc-timeout"],
  ])("for %s names the reason", async (...[, body, headers, status, reason, words]) => {
    await open(saying("x"), { limits: { maxBodyBytes: 2000 } });
    const answer = await ask(chat, body, headers);
    expect([answer.status, answer.message, reasonsOf(answer)]).toEqual([status, expect.stringContaining(words), [reason]]);
    await expect.poll(() => opened.doors.log.at(-1)?.facts["status"]).toBe(reason.toLowerCase());
    expect((await ask(chat)).status).toBe(0);
  });

  it("for an unknown method says so in headers alone", async () => {
    await open(saying("x"));
    expect(await ask("/parley.v1.ChatService/Nothing")).toMatchObject({ isTrailersOnly: true, status: Code.Unimplemented });
  });

  it("for a message that is announced too large comes before the message does, and the connection lives on", async () => {
    await open(saying("x"), { limits: { maxBodyBytes: 2000 } });
    const stream = rawRpc(opened.session, chat);
    stream.write(framed(new Uint8Array(5000)).subarray(0, 100));
    expect((await rawAnswer(stream)).status).toBe(Code.ResourceExhausted);
    expect((await ask(chat)).status).toBe(0);
  });
});

describe("compression", () => {
  const long = "x".repeat(3000);

  it("is taken from clients, and given to those that want it for what is worth it", async () => {
    await open(async function* (request) {
      const part = request.messages[0]?.parts[0]?.part;
      yield text(0, "short");
      yield text(0, part?.case === "text" ? part.value.text : "");
      yield text(0, "short");
    });
    const body = framed(gzipSync(toBinary(ChatRequestSchema, userRequest(long))), 1);
    const answer = await ask(streamed, body, { "grpc-encoding": "gzip", "grpc-accept-encoding": "identity,deflate,gzip" });
    expect(answer.headers["grpc-encoding"]).toBe("gzip");
    expect(messagesOf(answer).map(({ flags }) => flags)).toEqual([0, 1, 0]);
    expect(fromBinary(ChatEventSchema, gunzipSync(messagesOf(answer)[1]!.bytes)).event.value).toMatchObject({ text: long });
    const plain = await ask(streamed, framed(toBinary(ChatRequestSchema, userRequest(long))), { "grpc-accept-encoding": "br" });
    expect([plain.headers["grpc-encoding"], messagesOf(plain).map(({ flags }) => flags)]).toEqual([undefined, [0, 0, 0]]);
  });
});
