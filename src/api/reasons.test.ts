import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorReasonSchema } from "../../gen/parley/v1/errors_pb.ts";
import { ChatService, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { accepted, started, text } from "../core/events.ts";
import { fault, reasons, type Reason } from "../core/reasons.ts";
import { openDoors, type TestDoors } from "../testing/test-doors.ts";

const all = Object.keys(reasons) as Reason[];
const chat = { messages: [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: { text: "hello" } } }] }] };
const body = (stream: boolean) => JSON.stringify({ stream, messages: [{ role: "user", content: "hello" }] });

/** What the service throws next, and whether it has begun by then. */
let next: { readonly error: unknown; readonly isLate: boolean };
let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(async function* thrown(): AsyncGenerator<ChatEvent> {
    if (next.isLate) {
      yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
      yield started("test", "tiny");
      yield text(0, "half");
    }
    throw next.error;
  });
});
afterAll(() => doors.close());

const made = (reason: Reason) =>
  fault(reason, `it was ${reason}`, { retryAfterMs: 1500, fields: [{ field: "sampling.top_k", description: "x" }], provider: "up" });

const transports: Readonly<Record<string, () => Transport>> = {
  Connect: () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
  gRPC: () => createGrpcTransport({ baseUrl: doors.url }),
  "gRPC-Web": () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "1.1" }),
};

function check(thrown: unknown, reason: Reason): void {
  const error = ConnectError.from(thrown);
  expect(error.code).toBe(reasons[reason].code);
  expect(error.rawMessage).toBe(`it was ${reason}`);
  expect(error.findDetails(ErrorInfoSchema)[0]).toMatchObject({
    reason: reason.toUpperCase(),
    domain: "parley.v1",
    metadata: { provider: "up" },
  });
  expect(error.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  expect(error.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe("sampling.top_k");
  expect(error.findDetails(RequestInfoSchema)[0]?.requestId).toBe(error.metadata.get("x-request-id"));
}

describe("every reason", () => {
  it("is one of the contract's, and the contract has no other", () => {
    const contract = ErrorReasonSchema.values.filter(({ number }) => number !== 0).map(({ localName }) => localName.toLowerCase());
    expect(all.toSorted()).toEqual(contract.toSorted());
  });

  it.each(all)("%s has its own status and envelope over REST, and a frame in a stream", async (reason) => {
    const { http, openaiType, openaiCode, shouldRetry } = reasons[reason];
    for (const stream of [false, true]) {
      next = { error: made(reason), isLate: false };
      const response = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: body(stream) });
      expect(response.status).toBe(http);
      expect(await response.json()).toEqual({ error: { message: `it was ${reason}`, type: openaiType, param: "top_k", code: openaiCode } });
      expect([response.headers.get("retry-after"), response.headers.get("retry-after-ms")]).toEqual([
        "2",
        expect.stringMatching(/^1(5\d\d|6[0-4]\d|650)$/),
      ]);
      expect(response.headers.get("x-should-retry")).toBe(shouldRetry === undefined ? null : String(shouldRetry));
    }
    next = { error: made(reason), isLate: true };
    const late = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: body(true) });
    const frames = (await late.text()).trim().split("\n\n");
    expect(JSON.parse(frames.at(-1)!.slice("data: ".length))).toEqual({
      error: { message: `it was ${reason}`, type: openaiType, param: "top_k", code: openaiCode },
    });
    expect(frames.join()).not.toMatch(/finish_reason":"|\[DONE\]/);
  });

  it.each(Object.keys(transports).flatMap((name) => all.map((reason) => [name, reason] as const)))(
    "over %s: %s keeps its code and details",
    async (name, reason) => {
      const client = createClient(ChatService, transports[name]!());
      next = { error: made(reason), isLate: false };
      check(await client.chat(chat).catch((error: unknown) => error), reason);
      next = { error: made(reason), isLate: true };
      const kinds: unknown[] = [];
      try {
        for await (const { event } of client.stream(chat)) kinds.push(event.case);
      } catch (error) {
        // A stream's error has no headers of its own.
        expect(ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason).toBe(reason.toUpperCase());
        kinds.push(ConnectError.from(error).code);
      }
      expect(kinds).toEqual(["accepted", "started", "text", reasons[reason].code]);
    },
  );
});

describe("what is no error of ours", () => {
  it("is opaque on the wire and whole in the log, with the request id in both", async () => {
    const secret = new Error("password is hunter2");
    for (const isLate of [false, true]) {
      next = { error: secret, isLate };
      const response = await fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body: body(isLate) });
      const answer = await response.text();
      expect(answer).toContain("internal error");
      expect(answer).not.toContain("hunter2");
      const line = doors.log.findLast(({ facts }) => facts["error"] === secret);
      expect([line?.level, line?.facts["requestId"]]).toEqual(["error", response.headers.get("x-request-id")]);
    }
    next = { error: secret, isLate: false };
    const thrown = ConnectError.from(
      await createClient(ChatService, transports["gRPC"]!())
        .chat(chat)
        .catch((error: unknown) => error),
    );
    expect(thrown.rawMessage).toBe("internal error");
    expect(doors.log.filter(({ facts }) => facts["error"] === secret)).toHaveLength(3);
  });
});
