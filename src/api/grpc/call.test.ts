import { connect } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { accepted, started, text } from "../../core/events.ts";
import { reasonOf } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { framed, rawAnswer, rawRpc } from "../../testing/raw-rpc.ts";
import { eventsOf, RawDoors, rawPaths, rawQuestion as question, reasonsOf } from "../../testing/raw-doors.ts";
import { done, saying, type Script } from "../../testing/test-doors.ts";

const opened = new RawDoors();
const { open, ask } = opened;
const { chat, streamed } = rawPaths;
afterEach(() => opened.close());

describe("the end of a call", () => {
  /** Says one word, and then waits until it is told to stop; tells why. */
  function hanging(): { script: Script; reason: Promise<string> } {
    const reason = Promise.withResolvers<string>();
    const script: Script = async function* (_request, { signal }) {
      try {
        yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
        yield started("test", "tiny");
        await untilAborted(new Promise(() => {}), signal);
      } catch (error) {
        reason.resolve(reasonOf(error));
        throw error;
      }
    };
    return { script, reason: reason.promise };
  }

  it.each([chat, streamed])("at the caller's deadline is told, by %s", async (path) => {
    const { script, reason } = hanging();
    await open(script);
    const answer = await ask(path, question, { "grpc-timeout": "50m" });
    expect([answer.status, await reason]).toEqual([Code.DeadlineExceeded, "deadline_exceeded"]);
  });

  it.each([chat, streamed])("comes before any work where the deadline had passed, by %s", async (path) => {
    let isAsked = false;
    await open(async function* () {
      isAsked = true;
      yield done(0);
    });
    expect((await ask(path, question, { "grpc-timeout": "0S" })).status).toBe(Code.DeadlineExceeded);
    expect(isAsked).toBe(false);
  });

  it.each([chat, streamed])("by a reset ends the work, by %s", async (path) => {
    const { script, reason } = hanging();
    await open(script);
    const stream = rawRpc(opened.session, path);
    stream.end(question);
    await expect.poll(() => opened.doors.calls.length).toBe(1);
    stream.close(8);
    expect(await reason).toBe("caller_gone");
    await expect.poll(() => opened.doors.log.at(-1)?.facts["status"]).toBe("caller_gone");
  });

  it("by a reset while the body still comes leaves a line in the log", async () => {
    await open(saying("x"));
    // A reset that comes together with the headers is of no call; a session that is not connected yet sends no PING between them.
    // Node's client ends the body before it resets, so what is heard first may be a message that is not whole.
    await new Promise((resolve) => opened.session.once("remoteSettings", resolve));
    const stream = rawRpc(opened.session, chat);
    stream.write(question.subarray(0, 3));
    await new Promise((resolve) => opened.session.ping(resolve));
    stream.close(8);
    await expect
      .poll(() => opened.doors.log.at(-1)?.facts)
      .toMatchObject({
        status: expect.stringMatching(/^(caller_gone|malformed_body)$/),
        procedure: "parley.v1.ChatService/Chat",
      });
    expect(opened.doors.calls).toEqual([]);
  });

  it("by a body that does not come is told", async () => {
    await open(saying("x"), { limits: { bodyMs: 30 } });
    const stream = rawRpc(opened.session, chat);
    stream.write(question.subarray(0, 3));
    expect(reasonsOf(await rawAnswer(stream))).toEqual(["REQUEST_TIMEOUT"]);
  });

  it("by the listener's drain limit is told", async () => {
    const { script } = hanging();
    await open(script, { limits: { drainMs: 20 } });
    const stream = rawRpc(opened.session, streamed);
    stream.end(question);
    const answer = rawAnswer(stream);
    await expect.poll(() => opened.doors.calls.length).toBe(1);
    await opened.doors.drain();
    expect([(await answer).status, reasonsOf(await answer)]).toEqual([Code.Unavailable, ["DRAINING"]]);
  });
});

describe("a client that reads slowly", () => {
  it("pauses the source, costs little, and gets all of it when it reads on", async () => {
    let said = 0;
    const total = 3000;
    const word = "x".repeat(1000);
    await open(async function* () {
      for (; said < total; said++) yield text(0, word);
      yield done(total);
    });
    // The server's settings give the client's window: a small one, so that the client holds nothing for it.
    opened.session.destroy();
    opened.session = connect(opened.doors.url, { settings: { initialWindowSize: 10_000 } });
    const stream = rawRpc(opened.session, streamed);
    stream.end(question);
    await new Promise((resolve) => stream.once("response", resolve));
    for (let round = 0; round < 5; round++) await new Promise((resolve) => opened.session.ping(resolve));
    // What waits here, in the connection and in the stream's buffers.
    expect(said * word.length).toBeLessThan(300_000);
    const answer = await rawAnswer(stream);
    expect([eventsOf(answer).length, answer.status]).toEqual([total + 1, 0]);
  });
});

describe("services that are mounted beside", () => {
  it("see the request's metadata, and add to headers and trailers", async () => {
    await open(saying("x"), {
      routes: (router) =>
        router.rpc(ProviderService.method.listProviders, (_request, context) => {
          context.responseHeader.set("x-heard", context.requestHeader.get("x-say") ?? "");
          context.responseTrailer.set("x-left", String(context.timeoutMs() !== undefined));
          if (context.requestHeader.has("x-fail")) throw new ConnectError("no", Code.Aborted, { "x-why": "asked" });
          return {};
        }),
    });
    const path = "/parley.v1.ProviderService/ListProviders";
    const answer = await ask(path, framed(new Uint8Array()), { "x-say": "hello", "grpc-timeout": "1M" });
    expect([answer.headers["x-heard"], answer.trailers["x-left"], answer.status]).toEqual(["hello", "true", 0]);
    const failed = await ask(path, framed(new Uint8Array()), { "x-fail": "1" });
    expect([failed.headers["x-heard"], failed.trailers["x-left"], failed.status]).toEqual(["", "false", Code.Aborted]);
    expect([failed.trailers["x-why"], failed.message]).toEqual(["asked", "no"]);
  });

  it("have their interceptors around them", async () => {
    const seen: string[] = [];
    await open(saying("a", "b"), {
      interceptors: [
        (next) => async (request) => {
          seen.push(request.method.name);
          const response = await next(request);
          response.trailer.set("x-seen", "yes");
          return response;
        },
      ],
    });
    expect([(await ask(chat)).trailers["x-seen"], (await ask(streamed)).trailers["x-seen"], seen]).toEqual([
      "yes",
      "yes",
      ["Chat", "Stream"],
    ]);
  });
});

it("a body that has come whole has no time limit any more", async () => {
  const clock = fakeClock();
  const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const script: Script = async function* () {
    yield started("test", "tiny");
    entered.resolve();
    await goOn.promise;
    yield done(1);
  };
  await open(script, { clock, limits: { bodyMs: 100 } });
  const answer = ask(streamed);
  await entered.promise;
  clock.advance(101);
  goOn.resolve();
  expect((await answer).status).toBe(0);
});
