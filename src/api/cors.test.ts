import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultLimits } from "../core/limits.ts";
import { failing, openDoors, saying, type TestDoors } from "../testing/test-doors.ts";
import { drain } from "./drain.ts";
import type { Doors } from "./exchange.ts";
import { routesOf } from "./rest/router.ts";

const origin = "https://app.example";
const body = JSON.stringify({ stream: true, messages: [{ role: "user", content: "x" }] });

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), { corsOrigins: [origin] });
});
afterAll(() => doors.close());

const paths = ["/v1/chat/completions", "/parley.v1.ChatService/Chat", "/v1/models", "/v1/nothing"];

function preflight(url: string, from: string): Promise<Response> {
  const headers = {
    origin: from,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,x-stainless-lang",
  };
  return fetch(url, { method: "OPTIONS", headers });
}

describe("CORS", () => {
  it.each(paths)("answers a preflight of a listed page for %s, granting the headers it asks for", async (path) => {
    const response = await preflight(doors.url + path, origin);
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, HEAD, POST, DELETE",
      "access-control-allow-headers": "authorization,x-stainless-lang",
      "access-control-max-age": "7200",
      vary: "Origin, Access-Control-Request-Headers",
      "x-request-id": expect.stringMatching(/^req_/),
    });
  });

  it("grants every method that some path has", async () => {
    const scripted = { limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
    const wanted = routesOf(scripted, { metricsText: undefined, areProbesAlone: false }).flatMap(({ methods }) => Object.keys(methods));
    const { headers } = await preflight(`${doors.url}/api/delete`, origin);
    expect(headers.get("access-control-allow-methods")?.split(", ")).toEqual(expect.arrayContaining(wanted));
  });

  it.each(["https://app.example.evil", "http://app.example", "https://APP.example", "null"])("grants nothing to %s", async (from) => {
    const granted = (response: Response) => [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));
    expect(granted(await preflight(`${doors.url}/v1/models`, from))).toEqual([]);
    const response = await fetch(`${doors.url}/v1/models`, { headers: { origin: from } });
    expect([granted(response), response.headers.get("vary")]).toEqual([[], "Origin"]);
  });

  it("marks answers, errors and streams alike, over REST and RPC", async () => {
    for (const [path, init] of [
      ["/v1/models", {}],
      ["/v1/nothing", {}],
      ["/v1/chat/completions", { method: "POST", body }],
      ["/parley.v1.ChatService/Chat", { method: "POST", body: "{}", headers: { "content-type": "application/json" } }],
      ["/no.such/Rpc", { method: "POST", headers: { "content-type": "application/grpc-web+proto" } }],
    ] as const) {
      const headers = { ...("headers" in init ? init.headers : {}), origin };
      const response = await fetch(doors.url + path, { ...init, headers });
      expect([path, response.headers.get("access-control-allow-origin")]).toEqual([path, origin]);
      expect(response.headers.get("access-control-expose-headers")).toMatch(/grpc-status.*x-request-id.*retry-after-ms/i);
      await response.arrayBuffer();
    }
  });

  it("is absent unless origins are listed", async () => {
    const closed = await openDoors(failing(new Error("x")));
    const response = await preflight(`${closed.url}/v1/chat/completions`, origin);
    expect([response.status, response.headers.has("access-control-allow-origin"), response.headers.has("vary")]).toEqual([
      204,
      false,
      false,
    ]);
    await closed.close();
  });
});
