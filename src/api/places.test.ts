import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it } from "vitest";
import type { Caller } from "../core/context.ts";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying } from "../testing/test-doors.ts";

const callers: Readonly<Record<string, Caller>> = {
  two: { tenant: "t", keyId: "two", scopes: ["all"], models: undefined, limits: { concurrency: 2 }, isLoopback: true },
  free: { tenant: "t", keyId: "free", scopes: ["all"], models: undefined, isLoopback: true },
};

it("a key runs as many calls at once as its limit says, by all protocols together, from their headers to their ends", async () => {
  const gates: (() => void)[] = [];
  let isHeld = true;
  const shown: string[] = [];
  const script = saying("x");
  const doors = await openDoors(
    async function* held(request, context) {
      if (isHeld) await new Promise<void>((resolve) => gates.push(resolve));
      yield* script(request, context);
    },
    { keys: { isLocked: true, find: (key) => (shown.push(key), callers[key] ?? "unknown") } },
  );
  const body = '{"messages":[{"role":"user","content":"x"}]}';
  const headers = { "content-type": "application/json", "x-api-key": "two" };
  const ask = (key = "two") =>
    fetch(`${doors.url}/v1/chat/completions`, { method: "POST", headers: { ...headers, "x-api-key": key }, body });
  const grpc = createClient(ChatService, createGrpcTransport({ baseUrl: doors.url }));
  const metadata = { headers: { "x-api-key": "two" } };

  const first = ask();
  // Its body never comes: it takes a place all the same.
  const slow = await rawClient(doors.url);
  slow.send(
    "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-api-key: two\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n",
  );
  await expect.poll(() => shown.length + gates.length).toBe(3);
  const refused = await ask();
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, expect.stringMatching(/^[12]$/u)]);
  expect(await refused.json()).toMatchObject({
    error: { code: "rate_limit_exceeded", message: expect.stringContaining("limit concurrency allows 2 calls at once") },
  });
  await expect(grpc.chat({}, metadata)).rejects.toMatchObject({ code: 8 });
  expect((await fetch(`${doors.url}/v1/models`, { headers })).status).toBe(200);
  const other = ask("free");
  await expect.poll(() => gates.length).toBe(2);

  slow.socket.destroy();
  // Its place is free when the service has seen it go.
  const ended = () => doors.log.filter(({ facts }) => facts["status"] === "caller_gone").length;
  await expect.poll(ended).toBe(1);
  const second = grpc.chat({}, metadata);
  await expect.poll(() => gates.length).toBe(3);
  isHeld = false;
  gates.forEach((open) => open());
  expect([(await first).status, (await other).status]).toEqual([200, 200]);
  await second;
  expect((await ask()).status).toBe(200);
  expect((await Promise.all([ask(), ask()])).map(({ status }) => status)).toEqual([200, 200]);
  await doors.close();
});
