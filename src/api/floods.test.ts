import { once } from "node:events";
import { connect, type ClientHttp2Session } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, onTestFinished } from "vitest";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { attackPort, attacks } from "../testing/attacks.ts";
import { openDoors, saying } from "../testing/test-doors.ts";

it("a stream of many messages is no flood, however many bytes they are together", async () => {
  const doors = await openDoors(saying("hi"), { reflection: true, limits: { maxBodyBytes: 20_000, maxControlBytes: 1024 } });
  onTestFinished(() => doors.close());
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: doors.url }));
  let answered = 0;
  let onAnswer = () => {};
  // One at a time, and so many that the guard looks while they come.
  async function* asked() {
    for (let index = 0; index < 1500; index++) {
      const answer = new Promise<void>((resolve) => (onAnswer = resolve));
      yield { host: "x".repeat(15_000), messageRequest: { case: "listServices" as const, value: "" } };
      await answer;
    }
  }
  for await (const { messageResponse } of client.serverReflectionInfo(asked())) {
    if (messageResponse.case === "listServicesResponse") answered++;
    onAnswer();
  }
  expect(answered).toBe(1500);
});

it("a body whose end comes long after its head is no flood, however soon it is answered", async () => {
  const doors = await openDoors(saying("hi"), { limits: { maxControlBytes: 1024 } });
  onTestFinished(() => doors.close());
  const session = connect(doors.url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json" });
  stream.write("{");
  // The guard has looked by then: it does so every 100 ms.
  await sleep(250);
  stream.end(`"messages":[{"role":"user","content":${JSON.stringify("x".repeat(40_000))}}]}`);
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk as string;
  expect(text).toContain("hi");
  await sleep(250);
  expect(session.closed || session.destroyed).toBe(false);
});

it("what comes anew from an address of floods waits to be read, and is served then; other connections go on", async () => {
  const floodPauseMs = 300;
  const doors = await openDoors(saying("hi"), { limits: { maxControlFrames: 10, floodPauseMs } });
  onTestFinished(() => doors.close());
  const health = async (session: ClientHttp2Session) => {
    const startedMs = performance.now();
    const stream = session.request({ ":path": "/healthz" });
    for await (const _ of stream);
    return performance.now() - startedMs;
  };
  const open = () => {
    const session = connect(doors.url);
    onTestFinished(() => session.destroy());
    return session;
  };
  const before = open();
  await health(before);
  await attackPort(doors.port, attacks["PING flood"]).closed;
  const after = open();
  expect(await health(after)).toBeGreaterThan(floodPauseMs / 2 - 10);
  expect((await fetch(`${doors.url}/healthz`)).status).toBe(200);
  await health(before);
  await health(after);
  // A client that does not wait is forgotten.
  await attackPort(doors.port, attacks["PING flood"]).closed;
  const impatient = open();
  await once(impatient, "connect");
  impatient.destroy();
  await health(after);
});
