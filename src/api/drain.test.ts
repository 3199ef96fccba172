import { connect } from "node:http2";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, describe } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ChatService, FinishReason } from "../../gen/parley/v1/chat_pb.ts";
import type { Keys } from "../core/keys.ts";
import { accepted, finished, started, text } from "../core/events.ts";
import { reasonOf } from "../core/reasons.ts";
import { untilAborted } from "../core/signals.ts";
import { drain } from "./drain.ts";
import { rawClient } from "../testing/raw-client.ts";
import { done, openDoors, type Script } from "../testing/test-doors.ts";

/** A stream that ends when it is let go, or when it is told to stop. */
function held(): { script: Script; begun: Promise<void>; letGo: () => void } {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const script: Script = async function* waiting(_request, { signal }) {
    yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
    yield started("test", "tiny");
    yield text(0, "one");
    begun.resolve();
    await untilAborted(end.promise, signal);
    yield text(0, "two");
    yield finished(0, FinishReason.STOP);
    yield done(2);
  };
  return { script, begun: begun.promise, letGo: end.resolve };
}

const chat = JSON.stringify({ stream: true, messages: [{ role: "user", content: "x" }] });
const post = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${chat.length}\r\n\r\n${chat}`;

describe("the calls of a drain", () => {
  it("are ended each by its own means, also those that come late, and not those that have left", async () => {
    const calls = drain();
    const ended: string[] = [];
    const enter = (name: string) => calls.enter((reason) => void ended.push(`${name} ${reasonOf(reason)}`));
    const [leaveFirst, leaveSecond] = [enter("first"), enter("second")];
    leaveFirst();
    calls.endCalls();
    const leaveLate = enter("late");
    expect(ended).toEqual(["second draining", "late draining"]);
    let isIdle = false;
    const idle = calls.idle().then(() => (isIdle = true));
    leaveSecond();
    leaveSecond();
    await Promise.resolve();
    expect(isIdle).toBe(false);
    leaveLate();
    await idle;
  });
});

describe("a drain", () => {
  it("lets running streams end, refuses new calls, closes idle connections, and then resolves", async () => {
    const { script, begun, letGo } = held();
    const doors = await openDoors(script);
    const running = await rawClient(doors.url);
    running.send(post);
    const idle = await rawClient(doors.url);
    idle.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    await idle.until(/\{"status":"ok"\}/);
    const session = connect(doors.url);
    const goneAway = new Promise((resolve) => session.once("goaway", resolve));
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    await begun;
    const drained = doors.drain();
    await Promise.all([idle.closed(), goneAway]);
    await expect(rawClient(doors.url).then((client) => client.closed())).resolves.toBe("");
    letGo();
    expect(await running.until(/\[DONE\]/)).toContain("two");
    await drained;
    await running.closed();
  });

  it("answers calls on connections that are still open with draining, and closes them", async () => {
    const { script, begun, letGo } = held();
    const second = Promise.withResolvers<void>();
    let calls = 0;
    const keys: Keys = {
      get isLocked() {
        calls += 1;
        if (calls === 2) second.resolve();
        return false;
      },
      find: () => "unknown",
    };
    const doors = await openDoors(script, { keys });
    const running = await rawClient(doors.url);
    running.send(post);
    await begun;
    const drained = doors.drain();
    // It waits behind the first on the same connection.
    running.send("GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n");
    await second.promise;
    letGo();
    const received = await running.closed();
    expect(received).toMatch(/\[DONE\][^]*HTTP\/1.1 503[^]*connection: close[^]*"code":"draining"/i);
    await drained;
  });

  it("ends what runs longer than its limit with a frame, or a status", async () => {
    for (const isRpc of [false, true]) {
      const { script, begun } = held();
      const doors = await openDoors(script, { limits: { drainMs: 30 } });
      const rest = isRpc ? undefined : await rawClient(doors.url);
      rest?.send(post);
      const rpc = isRpc
        ? (async () => {
            for await (const event of createClient(ChatService, createGrpcTransport({ baseUrl: doors.url })).stream({})) void event;
          })().catch((error: unknown) => error)
        : undefined;
      await begun;
      await doors.drain();
      if (rest !== undefined) expect(await rest.closed()).toMatch(/"code":"draining"\}\}\n\n[^[]*$/);
      if (rpc === undefined) continue;
      const error = ConnectError.from(await rpc);
      expect(error.code).toBe(Code.Unavailable);
      expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("DRAINING");
    }
  });

  it("tells watchers of health NOT_SERVING, and ends their streams", async () => {
    const doors = await openDoors(held().script);
    const seen: Status[] = [];
    const watched = (async () => {
      for await (const { status } of createClient(Health, createGrpcTransport({ baseUrl: doors.url })).watch({})) {
        seen.push(status);
        if (status !== Status.SERVING) continue;
        doors.health.drain();
        void doors.drain();
      }
    })();
    await watched;
    expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
    await doors.close();
  });

  it("is over at once when it is closed", async () => {
    const { script, begun } = held();
    const doors = await openDoors(script);
    const running = await rawClient(doors.url);
    running.send(post);
    await begun;
    await doors.close();
    expect(await running.closed()).not.toContain("[DONE]");
  });
});
