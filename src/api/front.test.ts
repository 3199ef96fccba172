import { connect } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

let doors: TestDoors | undefined;
afterEach(() => doors?.close());

const get = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/** Sends byte by byte, each in a packet of its own. */
async function drip(client: Awaited<ReturnType<typeof rawClient>>, bytes: string | Uint8Array): Promise<void> {
  for (const byte of Buffer.from(bytes)) {
    await new Promise<void>((resolve) => client.socket.write(Uint8Array.of(byte), () => setImmediate(resolve)));
  }
}

describe("the port's first bytes", () => {
  it("serve HTTP/1.1 when they come one at a time, PUT and POST included", async () => {
    doors = await openDoors(saying("x"));
    for (const method of ["GET", "PUT", "POST", "PROPFIND"]) {
      const client = await rawClient(doors.url);
      await drip(client, get.replace("GET", method));
      expect(await client.until(/\r\n\r\n/)).toMatch(method === "GET" ? /^HTTP\/1.1 200/ : /^HTTP\/1.1 405/);
      client.socket.destroy();
    }
  });

  it("serve HTTP/2 when the preface comes one byte at a time", async () => {
    doors = await openDoors(saying("x"));
    const client = await rawClient(doors.url);
    client.socket.setEncoding("hex");
    await drip(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
    // A SETTINGS frame of the server, and its acknowledgement of ours.
    expect(await client.until(/000000040100000000/)).toMatch(/^0000..040000000000/);
    client.socket.destroy();
  });

  it.each([
    ["nothing", ""],
    ["half a preface", "PRI * HT"],
    ["one letter", "P"],
  ])("close the connection in time when there is %s", async (_what, bytes) => {
    doors = await openDoors(saying("x"), { limits: { firstByteMs: 30 } });
    const client = await rawClient(doors.url);
    if (bytes !== "") client.send(bytes);
    expect(await client.closed()).toBe("");
  });

  it("close an HTTP/2 connection that sends no SETTINGS", async () => {
    doors = await openDoors(saying("x"), { limits: { firstByteMs: 30 } });
    const client = await rawClient(doors.url);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    await client.closed();
  });

  it("still get an answer when the client closes its half after them", async () => {
    doors = await openDoors(saying("x"));
    const client = await rawClient(doors.url);
    client.socket.end(get);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 200/);
  });
});

describe("a client that closes its half while its call runs", () => {
  it("is taken to have gone, and its call is ended", async () => {
    const begun = Promise.withResolvers<AbortSignal>();
    doors = await openDoors(async function* waiting(_request, { signal }) {
      begun.resolve(signal);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      yield* [];
    });
    const client = await rawClient(doors.url);
    const body = JSON.stringify({ messages: [{ role: "user", content: "x" }] });
    client.send(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    const signal = await begun.promise;
    client.socket.end();
    expect(await client.closed()).toBe("");
    await expect.poll(() => signal.aborted).toBe(true);
  });
});

describe("a connection", () => {
  it("whose headers come too slowly gets 408 in the envelope, with a request id", async () => {
    doors = await openDoors(saying("x"), { limits: { headersMs: 40 } });
    const client = await rawClient(doors.url);
    client.send("GET /healthz HTTP/1.1\r\nhost:");
    const text = await client.closed();
    expect(text).toMatch(/^HTTP\/1.1 408 Request Timeout/);
    expect(text).toMatch(/x-request-id: req_/);
    expect(text).toContain('"code":"request_timeout"');
  });

  it("whose headers are too large gets 431", async () => {
    doors = await openDoors(saying("x"), { limits: { maxHeaderBytes: 4096 } });
    const client = await rawClient(doors.url);
    client.send(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(5000)}\r\n\r\n`);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 431/);
  });

  it("that is no HTTP gets 400", async () => {
    doors = await openDoors(saying("x"));
    const client = await rawClient(doors.url);
    client.send("\x16\x03\x01\x02\x00\x01\x00\x01");
    expect(await client.closed()).toMatch(/^HTTP\/1.1 400[^]*malformed_body/);
  });

  it("is closed when nothing runs on it, over both versions, and not while a stream runs", async () => {
    const opened = Promise.withResolvers<void>();
    const script = async function* (...args: Parameters<ReturnType<typeof saying>>) {
      await opened.promise;
      yield* saying("late")(...args);
    };
    doors = await openDoors(script, { limits: { idleConnectionMs: 60 } });
    const client = await rawClient(doors.url);
    client.send(get);
    await client.closed();
    const idle = connect(doors.url);
    await new Promise((resolve) => idle.once("close", resolve));
    const busy = connect(doors.url);
    const stream = busy.request({ ":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json" });
    stream.end(JSON.stringify({ messages: [{ role: "user", content: "x" }] }));
    // Two idle limits pass on another connection, which is closed for it; this one is not.
    for (let round = 0; round < 2; round += 1) {
      const other = connect(doors.url);
      await new Promise((resolve) => other.once("close", resolve));
    }
    opened.resolve();
    let text = "";
    for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
    expect(text).toContain("late");
    busy.close();
  });

  it("beyond the most that may be open is closed", async () => {
    doors = await openDoors(saying("x"), { limits: { maxConnections: 1 } });
    const first = await rawClient(doors.url);
    const second = await rawClient(doors.url);
    expect(await second.closed()).toBe("");
    first.send(get);
    expect(await first.until(/200 OK/)).toMatch(/^HTTP/);
    first.socket.destroy();
  });

  it("cannot name its host twice or not at all, or a whole URL, or use CONNECT, or expect what nobody knows", async () => {
    doors = await openDoors(saying("x"));
    for (const [request, status] of [
      ["GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400],
      ["GET /healthz HTTP/1.1\r\n\r\n", 400],
      ["GET /healthz HTTP/1.1\r\nhost: a\r\nexpect: foo\r\n\r\n", 417],
      [`GET /healthz HTTP/1.1\r\nhost: a\r\n${"x: y\r\n".repeat(100)}\r\n`, 431],
      ["FOO /healthz HTTP/1.1\r\nhost: a\r\n\r\n", 405],
      ["GET http://evil/healthz HTTP/1.1\r\nhost: a\r\n\r\n", 400],
      ["CONNECT evil:80 HTTP/1.1\r\nhost: evil:80\r\n\r\n", 405],
      ["TRACE /healthz HTTP/1.1\r\nhost: a\r\n\r\n", 405],
    ] as const) {
      const client = await rawClient(doors.url);
      client.send(request);
      expect(await client.until(/\}\}$/), request).toMatch(new RegExp(`^HTTP/1.1 ${status}[^]*x-request-id: req_`));
      client.socket.destroy();
    }
  });
});

describe("a method that Node's parser does not know", () => {
  it.each([
    ["FOO /healthz?x=1", 405, "GET, HEAD, OPTIONS"],
    ["FOO /v1/chat/completions", 405, "POST, OPTIONS"],
    ["FOO /parley.v1.ChatService/Chat", 405, "POST"],
    ["FOO /v1/nope", 404, undefined],
    [`FOO /${"a".repeat(60_000)}`, 400, undefined],
    ["GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nFOO /healthz", 200, undefined],
    ["CONNECT evil:80", 405, "GET, HEAD, POST, DELETE, OPTIONS"],
  ])("is refused as any other would be: %s", async (line, status, allow) => {
    doors = await openDoors(saying("x"));
    const client = await rawClient(doors.url);
    client.send(`${line} HTTP/1.1\r\nhost: a\r\n\r\n`);
    const answer = await client.closed();
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
    expect(/\r\nallow: (.*)\r\n/.exec(answer)?.[1]).toBe(allow);
  });
});

it("a client that asks for a tunnel and resets its connection ends nothing but that", async () => {
  doors = await openDoors(saying("x"));
  for (let index = 0; index < 200; index++) {
    const client = await rawClient(doors.url);
    client.socket.write("CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await new Promise((resolve) => setImmediate(resolve));
    client.socket.resetAndDestroy();
  }
  expect((await fetch(`${doors.url}/healthz`)).status).toBe(200);
});

describe("a client that goes on sending", () => {
  const slow = { headersMs: 40, bodyMs: 100 };

  /** Sends a piece whenever the one before has gone out, until the connection is closed; answers what was received. */
  async function persist(first: string, piece: string): Promise<string> {
    const client = await rawClient(doors!.url);
    client.socket.removeAllListeners("end");
    client.send(first);
    const timer = setInterval(() => client.socket.destroyed || client.socket.write(piece), 20);
    return client.closed().finally(() => clearInterval(timer));
  }

  it.each([
    ["headers that never end", "GET /healthz HTTP/1.1\r\n", "x: y\r\n", 408],
    ["the body of an unknown path", "POST /v1/nope HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", " ", 404],
    ["a body that is too large", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n", " ", 413],
    ["a body that is too slow", "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n", " ", 408],
    ["what is no HTTP", "GARBAGE\r\n\r\n", "x", 400],
  ])("%s is answered once, and its connection closed", async (...[, first, piece, status]) => {
    doors = await openDoors(saying("x"), { limits: slow });
    const text = await persist(first, piece);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});
