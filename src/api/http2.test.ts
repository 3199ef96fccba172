import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

let doors: TestDoors;
let session: ClientHttp2Session;
beforeEach(async () => {
  doors = await openDoors(saying("hi"), { limits: { maxBodyBytes: 2000, bodyMs: 100 } });
  session = connect(doors.url);
  session.on("error", () => {});
});
afterEach(async () => {
  session.destroy();
  await doors.close();
});

/** Asks over HTTP/2; answers with the status and body, or the code with which the stream was reset. */
function ask(
  headers: OutgoingHttpHeaders,
  body?: string | Uint8Array,
  isWhole = true,
): Promise<{ status?: number; text: string; reset: number }> {
  return new Promise((resolve) => {
    const stream = session.request({ ":method": body === undefined ? "GET" : "POST", ":path": "/v1/chat/completions", ...headers });
    let status: number | undefined;
    let text = "";
    stream.on("response", (received: IncomingHttpHeaders & { ":status"?: number }) => (status = received[":status"]));
    stream.on("error", () => {});
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    stream.on("close", () => resolve({ ...(status !== undefined && { status }), text, reset: stream.rstCode ?? 0 }));
    if (body !== undefined) stream.write(body);
    if (isWhole) stream.end();
  });
}

const question = JSON.stringify({ messages: [{ role: "user", content: "x" }] });

describe("HTTP/2", () => {
  it("tells how many streams a connection may have", async () => {
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(session.remoteSettings).toMatchObject({ maxConcurrentStreams: 1000, maxHeaderListSize: 16_384, enablePush: false });
  });

  it("serves REST", async () => {
    expect(await ask({}, question)).toMatchObject({ status: 200, text: expect.stringContaining('"content":"hi"') });
    expect(await ask({ ":path": "/v1/nothing" })).toMatchObject({ status: 404, text: expect.stringContaining("route_not_found") });
  });

  it("answers a body that is too large, or comes too slowly, and then wants no more of it", async () => {
    expect(await ask({}, "x".repeat(50_000), false)).toMatchObject({
      status: 413,
      text: expect.stringContaining("body_too_large"),
      reset: 0,
    });
    expect(await ask({}, "{", false)).toMatchObject({ status: 408, text: expect.stringContaining("request_timeout"), reset: 0 });
  });

  it("lets a client finish a body that is not wanted, so that it gets to read the answer", async () => {
    const stream = session.request({ ":method": "POST", ":path": "/v1/nope" });
    stream.write("x".repeat(30_000));
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
    expect(text).toContain("route_not_found");
    // What the server sent before the acknowledgement of a PING has arrived by then.
    for (let round = 0; round < 3; round += 1) await new Promise((resolve) => session.ping(resolve));
    expect([stream.closed, stream.destroyed]).toEqual([false, false]);
    stream.end("x".repeat(100_000));
    await new Promise((resolve) => stream.once("close", resolve));
    expect(await ask({ ":path": "/healthz" })).toMatchObject({ status: 200 });
  });

  it("refuses too many headers, and too large ones, with the envelope and a line in the log", async () => {
    const flood = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "1"]));
    // The first request comes before the client has taken our settings; each header counts 32 beside its text.
    const wide = { ...flood(60), "x-wide": "a".repeat(14_900), ":path": "/healthz" };
    expect(await ask(wide)).toMatchObject({ status: 431, text: expect.stringContaining("limits.maxHeaderBytes") });
    expect(await ask({ ...flood(90), ":path": "/healthz" })).toMatchObject({ status: 200 });
    expect(await ask({ ...flood(120), ":path": "/healthz" })).toMatchObject({ status: 431, text: expect.stringContaining("maxHeaders") });
    await expect.poll(() => doors.log.filter(({ facts }) => facts["status"] === "invalid_request")).toHaveLength(2);
    // Far beyond the limit, and beyond what the client was told, they are not even read.
    for (const headers of [flood(400), wide]) expect(await ask({ ...headers, ":path": "/healthz" })).toMatchObject({ text: "", reset: 11 });
    session.destroy();
    session = connect(doors.url);
    expect(await ask({ ":path": "/healthz" })).toMatchObject({ status: 200 });
  });

  it.each([
    ["an expectation that it does not know", { expect: "foo", ":path": "/healthz" }, 417, "expect"],
    ["CONNECT", { ":method": "CONNECT", ":authority": "evil:80", ":path": undefined }, 405, "method_not_allowed"],
  ])("answers %s in the envelope", async (...[, headers, status, words]) => {
    expect(await ask(headers)).toMatchObject({ status, text: expect.stringContaining(words) });
    await expect.poll(() => doors.log.at(-1)).toMatchObject({ level: "info", facts: { procedure: "_OTHER" } });
  });

  it("closes a connection that opens and resets streams without end, and goes on serving others", async () => {
    const attacker = connect(doors.url);
    attacker.on("error", () => {});
    const closed = new Promise((resolve) => attacker.once("close", resolve));
    const attack = () => {
      for (let round = 0; round < 100 && !attacker.destroyed && !attacker.closed; round += 1) {
        const stream = attacker.request({ ":path": "/healthz" });
        stream.on("error", () => {});
        stream.close(8);
      }
      if (!attacker.destroyed && !attacker.closed) setImmediate(attack);
    };
    attacker.once("connect", attack);
    await closed;
    expect(await ask({ ":path": "/healthz" })).toMatchObject({ status: 200 });
  });
});
