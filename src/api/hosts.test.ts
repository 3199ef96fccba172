import { connect } from "node:http2";
import { once } from "node:events";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { reasonOf } from "../core/reasons.ts";
import { hostCheck } from "./hosts.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";
import { rawClient } from "../testing/raw-client.ts";

const call = { name: "POST /v1/chat/completions", family: "rest", purpose: "call" } as const;
const probe = { name: "GET /livez", family: "rest", purpose: "probe" } as const;

function isAnswered(check: ReturnType<typeof hostCheck>, host: string, called: typeof call | typeof probe = call): boolean {
  try {
    check({ headers: { host } }, called);
    return true;
  } catch (error) {
    expect(reasonOf(error)).toBe("permission_denied");
    return false;
  }
}

describe("on loopback", () => {
  const near = hostCheck({ host: "127.0.0.1", hosts: ["chat.example"] });

  it.each([
    "localhost",
    "LocalHost:8080",
    "localhost.",
    "127.0.0.1:8080",
    "127.9.9.9",
    "[::1]:8080",
    "[::1]",
    "chat.example",
    "Chat.Example:443",
  ])("%s is answered", (host) => {
    expect([isAnswered(near, host), isAnswered(near, host)]).toEqual([true, true]);
  });

  it.each([
    ...[
      "evil.example",
      "localhost.evil.example",
      "evil.example.",
      "chat.example.evil",
      "xlocalhost",
      "sub.chat.example",
      "10.0.0.1",
      "0.0.0.0",
    ],
    ...[
      "[::2]",
      "::1",
      "127.0.0.1.nip.io",
      "",
      " localhost",
      "localhost:",
      "localhost:80:80",
      "a@localhost",
      "localhost/x",
      "localhost,evil",
    ],
    ...["2130706433", "127.1", "localhost:999999", "[localhost]", "xn--localhost-", "localhost\0", "a".repeat(5000)],
  ])("%j is not, not even by probes", (host) => {
    expect([isAnswered(near, host), isAnswered(near, host), isAnswered(near, host, probe)]).toEqual([false, false, false]);
  });
});

describe("on an address that other machines reach", () => {
  it("every name is answered, unless some are listed", () => {
    const open = hostCheck({ host: "0.0.0.0", hosts: [] });
    expect(isAnswered(open, "whatever.example")).toBe(true);
  });

  it("those that are listed are, with loopback's and the one that is listened on", () => {
    const listed = hostCheck({ host: "10.0.0.5", hosts: ["api.example", "[fd00::1]"] });
    const answered = ["api.example", "localhost", "127.0.0.1", "10.0.0.5", "[fd00::1]:443", "evil.example", "10.0.0.6"].filter((host) =>
      isAnswered(listed, host),
    );
    expect(answered).toEqual(["api.example", "localhost", "127.0.0.1", "10.0.0.5", "[fd00::1]:443"]);
  });

  it("probes are by any address, which is how a kubelet asks, and by no other name", () => {
    const listed = hostCheck({ host: "0.0.0.0", hosts: ["api.example"] });
    expect(["10.1.2.3:8080", "[fd00::7]:8080", "evil.example"].map((host) => isAnswered(listed, host, probe))).toEqual([true, true, false]);
    expect(isAnswered(listed, "10.1.2.3:8080")).toBe(false);
  });

  it("any name is where * is listed, on loopback too", () => {
    for (const host of ["127.0.0.1", "0.0.0.0"]) expect(isAnswered(hostCheck({ host, hosts: ["*"] }), "whatever.example")).toBe(true);
  });
});

describe("every door refuses a name that is not the service's, in its own words", () => {
  let doors: TestDoors;
  beforeAll(async () => {
    doors = await openDoors(saying("hi"), { hosts: [] });
  });
  afterAll(() => doors.close());
  const evil = (path: string, more: string) => `POST ${path} HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 2\r\n${more}\r\n{}`;

  it.each([
    ["REST", "/v1/chat/completions", "", /"type":"permission_error"/],
    ["REST, another method", "/v1/models", "", /HTTP\/1\.1 403/],
    ["Connect", "/parley.v1.ChatService/Chat", "content-type: application/json\r\n", /\{"code":"permission_denied","message":"host: /],
    ["gRPC-Web", "/parley.v1.ChatService/Chat", "content-type: application/grpc-web+proto\r\n", /grpc-status: 7/],
    ["a probe", "/livez", "", /HTTP\/1\.1 403/],
    ["nothing", "/nothing", "", /HTTP\/1\.1 403/],
  ])("%s", async (...[, path, more, words]) => {
    const client = await rawClient(doors.url);
    client.send(evil(path, more));
    expect(await client.until(words)).toMatch(words);
    client.socket.destroy();
    expect(doors.calls).toEqual([]);
  });

  it("native gRPC, by :authority", async () => {
    const session = connect(doors.url);
    const ask = async (headers: Record<string, string>) => {
      const grpc = { ":method": "POST", ":path": "/parley.v1.ChatService/Chat", "content-type": "application/grpc", te: "trailers" };
      const stream = session.request({ ...grpc, ...headers }).end(Buffer.alloc(5));
      const [answered] = await once(stream, "response");
      stream.resume();
      return [answered["grpc-status"], decodeURIComponent(String(answered["grpc-message"]))];
    };
    expect(await ask({ ":authority": "evil.example" })).toEqual([
      "7",
      expect.stringContaining('"evil.example" is no name of this service'),
    ]);
    expect(await ask({ ":authority": "localhost", host: "evil.example" })).toEqual([
      "3",
      expect.stringContaining("another beside its :authority"),
    ]);
    expect(await ask({ ":authority": "evil.example", host: "localhost" })).toEqual([
      "3",
      expect.stringContaining("another beside its :authority"),
    ]);
    session.destroy();
    const chat = createClient(ChatService, createGrpcTransport({ baseUrl: `http://localhost:${doors.port}` }));
    expect((await chat.chat({})).model).toBe("tiny");
  });

  it.each([
    ["a whole URL", "GET http://localhost/livez HTTP/1.1\r\nhost: localhost\r\n\r\n"],
    ["two hosts", "GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n"],
    ["no host", "GET /livez HTTP/1.1\r\n\r\n"],
  ])("%s is a bad request", async (_name, text) => {
    const client = await rawClient(doors.url);
    client.send(text);
    expect(await client.until(/"invalid_request_error"/)).toMatch(/^HTTP\/1\.1 400/);
    client.socket.destroy();
  });

  it("a page's preflight too, unless its origin is listed", async () => {
    const client = await rawClient(doors.url);
    client.send(
      "OPTIONS /v1/models HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example\r\naccess-control-request-method: GET\r\n\r\n",
    );
    expect(await client.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 403/);
    client.socket.destroy();
  });
});
