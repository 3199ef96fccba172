import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { asFault, reasonOf } from "../core/reasons.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

let doors: TestDoors;
beforeAll(async () => (doors = await openDoors(saying("hi"))));
afterAll(() => doors.close());

const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
const ask = (headers: Record<string, string>) => fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body, headers });

it("a request knows how many gateways it has come through, over REST and gRPC", async () => {
  await ask({});
  expect(doors.calls.at(-1)?.hops).toBe(0);
  await ask({ "x-parley-hops": "4" });
  expect(doors.calls.at(-1)?.hops).toBe(4);
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: doors.url }));
  await client.chat({}, { headers: { "x-parley-hops": "2" } });
  expect(doors.calls.at(-1)?.hops).toBe(2);
});

it("a request that has come through too many gateways is refused at once, and no other target would be asked", async () => {
  const calls = doors.calls.length;
  const answer = await ask({ "x-parley-hops": "5" });
  expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining("limits.maxHops is 4")]);
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: doors.url }));
  const error: unknown = await client.chat({}, { headers: { "x-parley-hops": "5" } }).catch((thrown: unknown) => thrown);
  expect(reasonOf(asFault(error))).toBe("model_not_found");
  expect((await ask({ "x-parley-hops": "many" })).status).toBe(400);
  expect(doors.calls.length).toBe(calls);
});
