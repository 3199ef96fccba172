import { afterAll, beforeAll, expect, it } from "vitest";
import { pending } from "../../../testing/older-pending.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";

let server: TestServer;
beforeAll(async () => (server = await startTestServer()));
afterAll(() => server.close());

it("four things of the older services wait for a store, a log or a broker, and no fifth", () => {
  expect(pending.map(({ what }) => what)).toEqual(["DELETE /cache", "/stats", "replay of a request_id", "Kafka"]);
});

it.each(pending.flatMap(({ endpoints }) => Object.keys(endpoints)))(
  "%s answers that it is not there, and what it would need",
  async (name) => {
    const [method = "", path = ""] = name.split(" ");
    const answer = await fetch(server.url + path, { method });
    expect(answer.status).toBe(501);
    expect(await answer.text()).toContain(`${name}: this version lacks a`);
  },
);
