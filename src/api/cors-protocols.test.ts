import { connect } from "node:http2";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { anonymous } from "../core/context.ts";
import type { Keys } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";
import { authority } from "../testing/certificates.ts";
import { eventsOf, outlineOf } from "../testing/collect-events.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const origin = "https://app.example";
const keys: Keys = { isLocked: true, find: (key) => (key === "good" ? { ...anonymous(false), keyId: "1", scopes: ["all"] } : "unknown") };

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), { corsOrigins: [origin], keys });
});
afterAll(() => doors.close());

/** What scripts may see of an answer; a browser hides the rest. */
type Seen = readonly {
  readonly status: number;
  readonly allowed: string | null;
  readonly vary: string | null;
  readonly exposed: string[];
}[];

/** A transport as a page of an origin has it, with a key; notes every answer's headers. */
function pageWith(key: string, seen: Seen[number][]): { readonly transports: Readonly<Record<string, Transport>> } {
  const pageFetch: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("origin", origin);
    headers.set("authorization", `Bearer ${key}`);
    const response = await fetch(input, { ...init, headers });
    const exposed = (response.headers.get("access-control-expose-headers") ?? "").toLowerCase().split(", ");
    const { status } = response;
    seen.push({ status, allowed: response.headers.get("access-control-allow-origin"), vary: response.headers.get("vary"), exposed });
    return response;
  };
  const options = { baseUrl: doors.url, fetch: pageFetch };
  return {
    transports: {
      "Connect, JSON": createConnectTransport({ ...options, useBinaryFormat: false }),
      "Connect, binary": createConnectTransport({ ...options, useBinaryFormat: true }),
      "gRPC-Web": createGrpcWebTransport(options),
    },
  };
}

const names = ["Connect, JSON", "Connect, binary", "gRPC-Web"];
const marked = { allowed: origin, vary: "Origin" };

describe("a page of a listed origin, by connect-web", () => {
  it.each(names)("is told by %s that its key is wrong, in an answer that its browser shows it", async (name) => {
    const seen: Seen[number][] = [];
    const chat = createClient(ChatService, pageWith("wrong", seen).transports[name]!);
    const error = await chat.chat({}).catch((thrown: unknown) => ConnectError.from(thrown));
    expect([(error as ConnectError).code, (error as ConnectError).rawMessage]).toEqual([
      Code.Unauthenticated,
      "this key is not known here",
    ]);
    const streamed = await eventsOf(chat.stream({})).catch((thrown: unknown) => ConnectError.from(thrown));
    expect((streamed as ConnectError).code).toBe(Code.Unauthenticated);
    expect(seen).toMatchObject([marked, marked]);
    expect(seen[0]?.exposed).toEqual(expect.arrayContaining(["www-authenticate", "x-request-id", "grpc-status", "grpc-message"]));
  });

  it.each(names)("gets answers and streams by %s", async (name) => {
    const seen: Seen[number][] = [];
    const chat = createClient(ChatService, pageWith("good", seen).transports[name]!);
    expect((await chat.chat({})).model).toBe("tiny");
    expect(outlineOf(await eventsOf(chat.stream({})))).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(seen).toMatchObject([marked, marked]);
  });

  it.each(names)("sees by %s what ends a stream half way", async (name) => {
    const broken = await openDoors(
      async function* half(...given) {
        for await (const event of saying("hi")(...given)) {
          yield event;
          if (event.event.case === "text") throw fault("provider_error", "it broke");
        }
      },
      { corsOrigins: [origin] },
    );
    const make = name === "gRPC-Web" ? createGrpcWebTransport : createConnectTransport;
    const pageFetch: typeof fetch = (input, init) =>
      fetch(input, { ...init, headers: [...new Headers(init?.headers), ["origin", origin]] });
    const events = eventsOf(createClient(ChatService, make({ baseUrl: broken.url, fetch: pageFetch })).stream({}));
    await expect(events).rejects.toMatchObject({ rawMessage: "it broke" });
    await broken.close();
  });
});

describe("a preflight", () => {
  it.each([
    ["/v1/chat/completions", "authorization,content-type,x-stainless-lang"],
    ["/parley.v1.ChatService/Chat", "authorization,connect-protocol-version,content-type"],
    ["/parley.v1.ChatService/Stream", "authorization,x-grpc-web,grpc-timeout"],
    ["/metrics", "authorization"],
  ])("is answered before anyone asks for a key: %s", async (path, wanted) => {
    const asked = { origin, "access-control-request-method": "POST", "access-control-request-headers": wanted };
    const response = await fetch(doors.url + path, { method: "OPTIONS", headers: asked });
    expect([response.status, response.headers.get("access-control-allow-headers")]).toEqual([204, wanted]);
    expect(response.headers.get("vary")).toBe("Origin, Access-Control-Request-Headers");
  });
});

describe("REST", () => {
  it.each([
    ["a wrong key", "/v1/chat/completions", "POST", 401],
    ["a wrong key of a read", "/v1/models", "GET", 401],
    ["a wrong method", "/v1/chat/completions", "PUT", 401],
    ["an unknown path", "/nothing", "GET", 401],
  ])("marks what it refuses: %s", async (...[, path, method, status]) => {
    const response = await fetch(doors.url + path, { method, headers: { origin, authorization: "Bearer wrong" } });
    expect([response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")]).toEqual([
      status,
      origin,
      "Origin",
    ]);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  });

  it("tells caches that answers differ by origin, also where it grants none", async () => {
    for (const path of ["/v1/models", "/parley.v1.ModelService/ListModels?connect=v1&encoding=json&message=%7B%7D"])
      for (const from of [{}, { origin: "https://other.example" }]) {
        const response = await fetch(doors.url + path, { headers: { ...from, "x-api-key": "good" } });
        expect([response.status, response.headers.get("vary"), response.headers.has("access-control-allow-origin")]).toEqual([
          200,
          "Origin",
          false,
        ]);
      }
  });
});

describe("over TLS", () => {
  it("a page that was served from here is no foreign one, and one without TLS is", async () => {
    const ours = authority("ours");
    const { key, certificate } = ours.issue(["localhost"]);
    const secure = await openDoors(saying("hi"), { tls: { key, certificate }, hosts: ["chat.example"] });
    const session = connect(`https://localhost:${secure.port}`, { ca: ours.certificate });
    const statusFor = async (from: string, host: string) => {
      const head = {
        ":method": "POST",
        ":path": "/v1/chat/completions",
        ":authority": host,
        origin: from,
        "content-type": "application/json",
      };
      const stream = session.request(head).end('{"messages":[{"role":"user","content":"x"}]}');
      const [answered] = await once(stream, "response");
      await text(stream);
      return answered[":status"];
    };
    const local = `localhost:${secure.port}`;
    expect(await statusFor(`https://${local}`, local)).toBe(200);
    expect(await statusFor(`http://${local}`, local)).toBe(403);
    expect(await statusFor("https://chat.example", "chat.example")).toBe(200);
    expect(await statusFor("https://evil.example", "evil.example")).toBe(403);
    session.destroy();
    await secure.close();
  });
});
