import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous } from "../core/context.ts";
import { scopes } from "../core/keys.ts";
import { needOf, permits } from "./access.ts";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const known = new Set(["the-key", "other-key"]);
let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("x"), {
    keys: {
      isLocked: true,
      find: (key, isLoopback) => (known.has(key) ? { ...anonymous(isLoopback), keyId: key, scopes: ["all"] } : "unknown"),
    },
  });
});
afterAll(() => doors.close());

// Clients refuse to send a header twice that stands once: HTTP/2 by hand.
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const grpcHead = [
  [":method", "POST"],
  [":path", "/parley.v1.ChatService/Chat"],
  [":scheme", "http"],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
] as const;

// oxlint-disable-next-line max-params -- the fields of a frame, in their order
function frame(type: number, flags: number, payload: Buffer, stream = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields as literals without compression; the headers are whole, and the request too unless it says otherwise. */
function headersFrame(fields: readonly (readonly [string, string])[], stream = 1, more = 1): Buffer {
  const text = (value: string) => [Buffer.from([value.length]), Buffer.from(value)];
  const block = Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), ...text(name), ...text(value)]));
  return frame(1, 4 | more, block, stream);
}

describe("a key", () => {
  it.each([
    ["in a query", "GET /v1/models?api_key=the-key&key=the-key", ""],
    ["by another scheme", "GET /v1/models", `authorization: Basic the-key\r\n`],
    ["beside another key", "GET /v1/models", `authorization: Bearer the-key\r\nx-api-key: other-key\r\n`],
    ["twice as x-api-key, differently", "GET /v1/models", `x-api-key: the-key\r\nx-api-key: other-key\r\n`],
  ])("%s is none", async (_, target, headers) => {
    const client = await rawClient(doors.url);
    client.send(`${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${headers}\r\n`);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 401 /);
  });

  it("shown twice as authorization is refused, by both HTTP versions", async () => {
    const client = await rawClient(doors.url);
    const lines = `authorization: Bearer the-key\r\nauthorization: Bearer other-key\r\n`;
    client.send(`GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${lines}\r\n`);
    expect(await client.closed()).toMatch(/^HTTP\/1.1 400 [^]*authorization: the request names it more than once/);
    const socket = await rawClient(doors.url);
    const fields = [...grpcHead, ["authorization", "Bearer the-key"], ["authorization", "Bearer other-key"]] as const;
    socket.send(Buffer.concat([preface, frame(4, 0, Buffer.alloc(0)), headersFrame(fields)]));
    const refused = () => doors.log.filter(({ facts }) => facts["status"] === "invalid_request").length;
    await expect.poll(refused).toBe(2);
    expect(doors.calls.length).toBe(0);
    // The same with one of them is served.
    socket.send(Buffer.concat([headersFrame([...grpcHead, ["authorization", "Bearer the-key"]], 3, 0), frame(0, 1, Buffer.alloc(5), 3)]));
    await expect.poll(() => doors.calls.length).toBe(1);
    socket.socket.destroy();
  });

  it("may be shown in both places, where it is the same", async () => {
    const headers = { authorization: `Bearer the-key`, "x-api-key": "the-key" };
    expect((await fetch(`${doors.url}/v1/models`, { headers })).status).toBe(200);
  });
});

describe("a list of scopes", () => {
  const words = Object.keys(scopes).filter((word) => word !== "all" && word !== "admin");
  const rpc = (name: string) => ({ name, family: "rpc" }) as const;
  const may = (granted: readonly string[], called: ReturnType<typeof rpc>) => permits(granted, called, needOf(called));

  it.each([
    [["parley.v1.ChatService"], "parley.v1.ChatService/Stream", true],
    [["parley.v1.ChatService/Chat"], "parley.v1.ChatService/Chat", true],
    [["parley.v1.ChatService/Chat"], "parley.v1.ChatService/Stream", false],
    [["parley.v1.Chat"], "parley.v1.ChatService/Chat", false],
    [["parley.v1.ModelService"], "parley.v1.ModelService/ListModels", true],
    [["parley.v1.ModelService", "parley.v1.ModelService/LoadModel", "all"], "parley.v1.ModelService/LoadModel", false],
    [["admin"], "parley.v1.ModelService/LoadModel", true],
    [["acme.v1.Own"], "acme.v1.Own/Do", true],
    [["acme.v1.Own/Do"], "acme.v1.Own/Do", true],
    [["acme.v1.Own/Do"], "acme.v1.Own/Undo", false],
    [words, "acme.v1.Own/Do", false],
    [["all"], "acme.v1.Own/Do", true],
    [[], "acme.v1.Own/Do", false],
  ])("of %j says of %s: %s", (granted, name, verdict) => {
    expect(may(granted, rpc(name))).toBe(verdict);
  });

  it("may name a route by its method", () => {
    const called = { name: "POST /v1/embeddings", family: "rest" } as const;
    expect([["POST /v1/embeddings"], ["GET /v1/embeddings"]].map((granted) => permits(granted, called, needOf(called)))).toEqual([
      true,
      false,
    ]);
  });
});
