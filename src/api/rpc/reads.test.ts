import { connect, type IncomingHttpHeaders } from "node:http2";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { anonymous } from "../../core/context.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"));
});
afterAll(() => doors.close());

const asked = (message: object) => `?connect=v1&encoding=json&message=${encodeURIComponent(JSON.stringify(message))}`;

const reads: readonly (readonly [string, object, RegExp])[] = [
  ["parley.v1.ModelService/ListModels", {}, /"id":"org\/big:7b"/],
  ["parley.v1.ModelService/GetModel", { model: "tiny-2" }, /"id":"tiny-2"/],
  ["parley.v1.ProviderService/ListProviders", {}, /"name":"openai"/],
  ["grpc.health.v1.Health/Check", { service: "" }, /"SERVING"/],
  ["grpc.health.v1.Health/List", {}, /"statuses"/],
];

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks over HTTP/2. */
async function over2(method: string, path: string): Promise<Answer> {
  const session = connect(doors.url);
  const stream = session.request({ ":method": method, ":path": path });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  const body = await text(stream);
  session.close();
  return { headers, body };
}

async function over1(method: string, path: string): Promise<Answer> {
  const response = await fetch(doors.url + path, { method });
  return { headers: { ...Object.fromEntries(response.headers), ":status": response.status } as never, body: await response.text() };
}

describe.each([
  ["HTTP/1.1", over1],
  ["HTTP/2", over2],
])("over %s", (_version, ask) => {
  it.each(reads)("%s is read by GET, and by nobody on the way kept", async (...[name, message, words]) => {
    const path = `/${name}${asked(message)}`;
    const { headers, body } = await ask("GET", path);
    expect(headers).toMatchObject({ ":status": 200, "cache-control": "no-store", "content-type": "application/json" });
    expect(body).toMatch(words);
  });

  it.each(reads)("%s is asked by HEAD what GET would be told", async (...[name, message]) => {
    const path = `/${name}${asked(message)}`;
    const [head, get] = [await ask("HEAD", path), await ask("GET", path)];
    expect(head.body).toBe("");
    expect(head.headers).toMatchObject({ ":status": 200, "cache-control": "no-store", "content-length": String(get.body.length) });
  });

  it("an error is not kept either", async () => {
    const path = `/parley.v1.ModelService/GetModel${asked({ model: "nobody" })}`;
    for (const method of ["GET", "HEAD"]) {
      const { headers, body } = await ask(method, path);
      expect(headers).toMatchObject({ ":status": 404, "cache-control": "no-store" });
      expect(body === "").toBe(method === "HEAD");
    }
  });

  it.each(["/v1/models", "/v1/models/tiny", "/v1/models/nobody", "/providers", "/health", "/readyz"])("nor is %s", async (path) => {
    expect((await ask("GET", path)).headers["cache-control"]).toBe("no-store");
    expect((await ask("HEAD", path)).body).toBe("");
  });

  it.each(["parley.v1.ChatService/Chat", "parley.v1.ModelService/LoadModel", "parley.v1.TokenService/CountTokens"])(
    "%s does something, and is not to be had by GET",
    async (name) => {
      for (const method of ["GET", "HEAD"]) {
        const { headers } = await ask(method, `/${name}${asked({})}`);
        expect([headers[":status"], headers["allow"]]).toEqual([405, "POST"]);
      }
    },
  );

  it("a wrong method is told of those that there are", async () => {
    expect((await ask("PUT", "/grpc.health.v1.Health/Check")).headers).toMatchObject({ ":status": 405, allow: "POST, GET, HEAD" });
  });
});

it("connect-web reads by GET where it is told to", async () => {
  const methods: (string | undefined)[] = [];
  const noting: typeof fetch = (input, init) => (methods.push(init?.method), fetch(input, init));
  const transport = createConnectTransport({ baseUrl: doors.url, useHttpGet: true, fetch: noting });
  expect((await createClient(Health, transport).check({})).status).toBe(Status.SERVING);
  expect(Object.keys((await createClient(Health, transport).list({})).statuses)).toContain("parley.v1.ChatService");
  expect((await createClient(ProviderService, transport).listProviders({})).defaultProvider).toBe("openai");
  expect(methods).toEqual(["GET", "GET", "GET"]);
});

it("what a key would have to be shown for is not kept where it was not", async () => {
  const locked = await openDoors(saying("hi"), { keys: { isLocked: true, find: () => anonymous(true) } });
  const response = await fetch(`${locked.url}/parley.v1.ModelService/ListModels${asked({})}`);
  expect([response.status, response.headers.get("cache-control"), response.headers.get("www-authenticate")]).toEqual([
    401,
    "no-store",
    'Bearer realm="parley"',
  ]);
  await locked.close();
});
