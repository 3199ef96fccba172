import { once } from "node:events";
import { createServer, request as requestHttp, type IncomingMessage } from "node:http";
import { connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { defaultLimits } from "../core/limits.ts";
import type { ConnectError } from "@connectrpc/connect";
import { reasonOf } from "../core/reasons.ts";
import { testCall } from "../testing/call-context.ts";
import { fakeClock, type FakeClock } from "../testing/fake-clock.ts";
import type { Exchange, HttpRequest, HttpResponse, Serve } from "./exchange.ts";
import { run } from "./run.ts";

/** What became of an exchange. */
interface Ran {
  readonly exchange: Exchange;
  readonly clock: FakeClock;
  /** Resolves when it was told that it has ended. */
  readonly ended: Promise<void>;
  /** How often it was. */
  readonly endings: () => number;
  readonly aborted: ConnectError[];
}

/** Runs what a server was asked. */
function running(serve: Serve): { readonly handle: (request: HttpRequest, response: HttpResponse) => void; readonly ran: Promise<Ran> } {
  const { promise: ran, resolve } = Promise.withResolvers<Ran>();
  const handle = (request: HttpRequest, response: HttpResponse) => {
    const clock = fakeClock();
    const ending = Promise.withResolvers<void>();
    const aborted: ConnectError[] = [];
    let endings = 0;
    const abort = (reason: ConnectError) => void aborted.push(reason);
    const exchange: Exchange = {
      request,
      response,
      call: testCall(),
      abort,
      refusal: undefined,
      outcome: { error: undefined },
      errorDetails: true,
    };
    run(exchange, { name: "GET /", family: "rest", purpose: "other", serve }, { clock, limits: defaultLimits }, () => {
      endings++;
      ending.resolve();
    });
    resolve({ exchange, clock, ended: ending.promise, endings: () => endings, aborted });
  };
  return { handle, ran };
}

async function portOf(server: Server): Promise<number> {
  onTestFinished(() => void server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

/** Asks over HTTP/1.1. */
async function ask(serve: Serve): Promise<Ran & { readonly answer: Promise<IncomingMessage> }> {
  const { handle, ran } = running(serve);
  const server = createServer((request, response) => handle(request, response as unknown as HttpResponse));
  onTestFinished(() => server.closeAllConnections());
  const asked = requestHttp({ port: await portOf(server), host: "127.0.0.1" });
  const answer = new Promise<IncomingMessage>((resolve, reject) => asked.on("response", resolve).on("error", reject));
  answer.catch(() => {});
  asked.end();
  return { ...(await ran), answer };
}

describe("an exchange", () => {
  it("ends once, when its answer is out", async () => {
    const { ended, endings, answer, exchange, clock, aborted } = await ask(async ({ response }) => void response.end("good"));
    expect((await answer).statusCode).toBe(200);
    await ended;
    (await answer).resume();
    await new Promise(setImmediate);
    expect([endings(), exchange.outcome.error, clock.pending(), aborted]).toEqual([1, undefined, 0, []]);
  });

  it.each<[string, Serve]>([
    ["rejects", () => Promise.reject(new Error("our own fault"))],
    [
      "throws before it has begun",
      () => {
        throw new Error("our own fault");
      },
    ],
  ])("is cut when what serves it %s, and says why", async (_how, serve) => {
    const { ended, endings, answer, exchange } = await ask(serve);
    await expect(answer).rejects.toThrow("socket hang up");
    await ended;
    expect([endings(), reasonOf(exchange.outcome.error)]).toEqual([1, "internal"]);
  });

  it("keeps the first error that was noted", async () => {
    const noted = await ask(async ({ outcome }) => {
      outcome.error = { marked: true } as unknown as ConnectError;
      throw new Error("a later one");
    });
    await noted.ended;
    expect(noted.exchange.outcome.error).toEqual({ marked: true });
  });

  it("does not end before its work has, though the client has gone", async () => {
    const working = Promise.withResolvers<void>();
    const { handle, ran } = running(() => working.promise);
    const server = createServer((request, response) => handle(request, response as unknown as HttpResponse));
    const asked = requestHttp({ port: await portOf(server), host: "127.0.0.1" });
    asked.on("error", () => {});
    asked.end();
    const { ended, endings, aborted, exchange } = await ran;
    const closed = once(exchange.response, "close");
    asked.destroy();
    await closed;
    expect([endings(), aborted.map(reasonOf)]).toEqual([0, ["caller_gone"]]);
    working.resolve();
    await ended;
    expect(endings()).toBe(1);
  });

  it("is cut when its answer waits for longer than an idle connection may", async () => {
    const { ended, clock, endings } = await ask(async ({ response }) => {
      response.write("x".repeat(64 * 1024 * 1024));
      response.end();
    });
    await new Promise(setImmediate);
    expect(endings()).toBe(0);
    clock.advance(defaultLimits.idleConnectionMs);
    await ended;
    expect(endings()).toBe(1);
  });

  it("over HTTP/2 ends when its answer is out, though its client still sends", async () => {
    const { handle, ran } = running(async ({ response }) => void response.end("no need for more"));
    const server = createHttp2Server((request, response) => handle(request, response as unknown as HttpResponse));
    const session = connect(`http://127.0.0.1:${await portOf(server)}`);
    onTestFinished(() => session.destroy());
    const upload = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    upload.on("error", () => {}).resume();
    upload.write("a beginning");
    const { ended, endings, exchange } = await ran;
    await ended;
    expect([endings(), (exchange.request as unknown as { readonly complete: boolean }).complete]).toEqual([1, false]);
  });
});
