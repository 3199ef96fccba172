import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

let doors: TestDoors;
beforeAll(async () => (doors = await openDoors(saying("hi"))));
afterAll(() => doors.close());

const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
const ask = (key: string) => fetch(`${doors.url}/v1/chat/completions`, { method: "POST", body, headers: { "x-parley-upstream-key": key } });

describe("a caller's own key for the upstream", () => {
  it("comes in a header over REST and in metadata over gRPC", async () => {
    expect((await ask("sk-own")).status).toBe(200);
    expect(doors.calls.at(-1)?.upstreamKey).toBe("sk-own");
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: doors.url }));
    await client.chat(JSON.parse('{"messages":[]}') as object, { headers: { "x-parley-upstream-key": "sk-grpc" } });
    expect(doors.calls.at(-1)?.upstreamKey).toBe("sk-grpc");
  });

  it("is none when it is empty", async () => {
    expect((await ask("")).status).toBe(200);
    expect(doors.calls.at(-1)?.upstreamKey).toBeUndefined();
  });

  it.each([["two words"], ["k".repeat(4097)], ["sk-ü"]])("is refused, and not shown, when it cannot be one", async (key) => {
    const answer = await ask(key);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([400, expect.stringContaining("x-parley-upstream-key")]);
    expect(text).not.toContain(key);
    expect(JSON.stringify(doors.log)).not.toContain(key);
  });
});
