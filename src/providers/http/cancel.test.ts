import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import type { Dispatcher } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { eventsOf, failureOf, iterate } from "../../testing/collect-events.ts";
import { chatRequest, openProviders, streaming, testProviders, whole } from "../../testing/http-provider.ts";
import type { Connection } from "./connections.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import type { ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { exchange } from "./exchange.ts";
import type { Fault } from "../../testing/upstream/turn.ts";

const phases: readonly (readonly [string, Fault])[] = [
  ["before the headers", { is: "no-headers" }],
  ["before the first token", { is: "no-body" }],
  ["in the stream", { is: "stall", after: 3 }],
  ["while comments come", { is: "endless-comments", after: 2 }],
];

type Controller = Dispatcher.DispatchController;

/** Resolves when it holds, and looks at each turn of the event loop. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

describe("a call that is given up", () => {
  it.each(phases)("closes the upstream's socket %s", async (_phase, broken) => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: broken }] } });
    for (const [index, context] of [streaming(), whole()].entries()) {
      const controller = new AbortController();
      const failure = failureOf(eventsOf(provider.generate(chatRequest, { ...context, signal: controller.signal })));
      await upstream.held(index + 1);
      controller.abort();
      expect(reasonOf(await failure)).toBe("caller_gone");
      expect((await upstream.closed(index + 1)).byClient).toBe(true);
    }
    await until(() => upstream.connections.open === 0);
  });

  it("closes the upstream's socket when its reader leaves", async () => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: { is: "stall", after: 3 } }] } });
    const events = iterate(provider.generate(chatRequest, streaming()));
    await events.next();
    await events.return?.();
    expect((await upstream.closed(1)).byClient).toBe(true);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("asks nothing when its reader leaves before it has begun, or has gone already", async () => {
    const { upstream, provider } = await openProviders();
    await iterate(provider.generate(chatRequest, streaming())).return?.();
    const gone = eventsOf(provider.generate(chatRequest, streaming({ signal: AbortSignal.abort() })));
    expect(reasonOf(await failureOf(gone))).toBe("caller_gone");
    expect(upstream.connections.opened).toBe(0);
  });

  it("says why it was given up", async () => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: { is: "no-headers" } }] } });
    const controller = new AbortController();
    const failure = failureOf(eventsOf(provider.generate(chatRequest, streaming({ signal: controller.signal }))));
    await upstream.held(1);
    controller.abort(fault("time_limit", "too long"));
    expect(reasonOf(await failure)).toBe("time_limit");
  });

  it("hands on nothing of what had come already", async () => {
    const { upstream, provider } = await openProviders();
    const controller = new AbortController();
    const events = iterate(provider.generate(chatRequest, streaming({ signal: controller.signal })));
    await events.next();
    await upstream.closed(1);
    controller.abort();
    expect(reasonOf(await failureOf(events.next()))).toBe("caller_gone");
  });

  it("closes its socket while it connects, TLS included", async () => {
    // A server that takes connections and says nothing: TLS never comes about.
    const closed = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      opened.resolve();
      socket.on("error", () => {}).on("close", () => closed.resolve());
      socket.resume();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const [provider] = testProviders({ baseUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const controller = new AbortController();
    const failure = failureOf(eventsOf(provider!.generate(chatRequest, streaming({ signal: controller.signal }))));
    await opened.promise;
    controller.abort();
    expect(reasonOf(await failure)).toBe("caller_gone");
    await closed.promise;
    await provider?.close();
  });

  it("leaves the other calls alone", async () => {
    const { upstream, provider } = await openProviders({ upstream: { turns: [{ fault: { is: "no-headers" } }, {}] } });
    const controller = new AbortController();
    const goes = failureOf(eventsOf(provider.generate(chatRequest, streaming({ signal: controller.signal }))));
    await upstream.held(1);
    const stays = eventsOf(provider.generate(chatRequest, streaming()));
    controller.abort();
    await goes;
    expect((await stays).at(-1)?.event.case).toBe("completed");
  });

  it("leaves no listener on its signal when it has ended", async () => {
    const { provider } = await openProviders();
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = new Proxy(signal, {
      get(target, name) {
        if (name === "addEventListener") listeners++;
        if (name === "removeEventListener") listeners--;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await eventsOf(provider.generate(chatRequest, streaming({ signal: counted })));
    await eventsOf(provider.generate(chatRequest, whole({ signal: counted })));
    expect(listeners).toBe(0);
  });
});

describe("a slow reader", () => {
  it("makes the upstream wait until everything has been read", async () => {
    const told: string[] = [];
    const controller = { pause: () => void told.push("pause"), resume: () => void told.push("resume") } as unknown as Controller;
    let handler: Dispatcher.DispatchHandler | undefined;
    const connection: Connection = { dispatch: (_, given) => void (handler = given), release() {}, destroy() {} };
    const events = exchange<number>({
      connections: { take: () => connection, close: async () => {} },
      clock: systemClock,
      signal: new AbortController().signal,
      facts: { provider: "up", connectMs: 1 },
      shortestMs: 60_000,
      message: () => ({ method: "GET", path: "/", headers: {}, body: undefined }),
      open: (_status, _headers, wire) => ({ isWhole: false, write: (chunk) => wire.push(chunk.length), end() {} }),
    });
    const first = events.next();
    handler?.onRequestStart?.(controller, {});
    handler?.onResponseStart?.(controller, 200, {});
    const chunk = Buffer.alloc(128 * 1024);
    for (let index = 0; index < 3; index++) handler?.onResponseData?.(controller, chunk);
    await first;
    expect(told).toEqual(["pause"]);
    await events.next();
    expect(told).toEqual(["pause"]);
    await events.next();
    expect(told).toEqual(["pause", "resume"]);
    handler?.onResponseEnd?.(controller, {});
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  it("finds what came in one piece without waiting for each event", async () => {
    const { provider } = await openProviders();
    const events: ReadyIterator<ChatEvent> = iterate(provider.generate(chatRequest, whole()));
    expect(events.ready?.()).toBeUndefined();
    expect((await events.next()).value?.event.case).toBe("started");
    const rest = [events.ready?.(), events.ready?.(), events.ready?.(), events.ready?.()];
    expect(rest.map((result) => (result?.done === true ? "done" : result?.value.event.case))).toEqual([
      "text",
      "finished",
      "completed",
      "done",
    ]);
  });

  it("gets everything", async () => {
    const text = Array.from({ length: 5000 }, (_, index) => `${index} ${"x".repeat(200)}`);
    const { provider } = await openProviders({ upstream: { turns: [{ answer: { text } }] } });
    const words: string[] = [];
    for await (const { event } of provider.generate(chatRequest, streaming())) {
      if (event.case === "text" && words.push(event.value.text) % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(words.join("")).toBe(text.join(""));
  });
});

describe("connecting", () => {
  it("has a time limit of its own", async () => {
    const server = createServer((socket) => socket.on("error", () => {}).resume());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const times = { connectMs: 30, wholeMs: 1e6, firstTokenMs: 1e6, idleMs: 1e6, totalMs: 1e6 };
    const [provider] = testProviders({ baseUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, times });
    const error = await failureOf(eventsOf(provider!.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_timeout");
    expect(error.rawMessage).toContain("connectSeconds");
    await provider?.close();
  });
});
