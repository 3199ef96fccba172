import { afterAll, beforeAll, expect, it } from "vitest";
import { defaultLimits } from "../../../core/limits.ts";
import { pending } from "../../../testing/older-pending.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { drain } from "../../drain.ts";
import type { Doors } from "../../exchange.ts";
import { olderRoutes } from "./routes.ts";

const scripted = { limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
const operations = olderRoutes(scripted).flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`));
const endpoints = pending.flatMap((each) => Object.keys(each.endpoints));

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.close());

it("four things of the older services wait for a store, a log or a broker, and no fifth", () => {
  expect(pending.map(({ what }) => what)).toEqual(["DELETE /cache", "/stats", "replay of a request_id", "Kafka"]);
});

it("the endpoints among them are all operations of the older services that are not there, whatever is asked", async () => {
  const missing: string[] = [];
  for (const name of operations) {
    const [method = "", path = ""] = name.split(" ");
    const answer = await fetch(server.url + path, { method, ...(method === "POST" && { body: "{}" }) });
    if (answer.status === 501) missing.push(name);
    await answer.body?.cancel();
  }
  expect(missing.toSorted()).toEqual(endpoints.toSorted());
});

it.each(endpoints)("%s answers that it is not there, and what it would need", async (name) => {
  const [method = "", path = ""] = name.split(" ");
  const answer = await fetch(server.url + path, { method });
  expect(answer.status).toBe(501);
  expect(await answer.text()).toContain(`${name}: this version lacks a`);
});
