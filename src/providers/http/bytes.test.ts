import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { eventsOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { chatRequest, streaming, testProviders, whole } from "../../testing/http-provider.ts";

/** A server that answers every connection with these bytes once it was asked, and leaves it open unless told otherwise. */
async function rawServer(answer: string | ((socket: Socket) => void)): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => (typeof answer === "string" ? socket.write(answer) : answer(socket)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function raw(baseUrl: string, options = {}) {
  const [provider] = testProviders({ baseUrl }, options);
  if (provider === undefined) throw new Error("no provider");
  onTestFinished(() => provider.close());
  return provider;
}

describe("bytes that are no answer", () => {
  it("are no HTTP, and none of them is in what the log gets", async () => {
    const provider = raw(await rawServer("SSH-2.0-OpenSSH_9.9 very-private\r\n"));
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_malformed");
    expect(
      JSON.stringify(Object.getOwnPropertyNames(error.cause).map((name) => String(Reflect.get(error.cause as object, name)))),
    ).not.toContain("private");
  });

  it("never hold the key, even where the upstream repeats it", async () => {
    const body = JSON.stringify({ error: { message: "sk-operator-1 is no key of ours", type: "x", code: "invalid_api_key" } });
    const provider = raw(
      await rawServer(`HTTP/1.1 401 No\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
    );
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_credentials");
    expect(error.message + String(error.cause)).not.toContain("sk-operator-1");
    const inside = `data: ${body}\n\n`;
    const streamed = raw(
      await rawServer(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${inside.length}\r\n\r\n${inside}`),
    );
    expect((await failureOf(eventsOf(streamed.generate(chatRequest, streaming())))).message).not.toContain("sk-operator-1");
  });

  it.each(["gzip, gzip", "gzip, br", "lzma"])("are not decompressed where they say %s", async (encoding) => {
    const provider = raw(
      await rawServer(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${encoding}\r\ncontent-length: 2\r\n\r\n{}`),
    );
    expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, whole()))))).toBe("provider_malformed");
  });

  it("end an error that goes on for ever, by its size and by its time", async () => {
    const head = "HTTP/1.1 500 No\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    const endless = raw(
      await rawServer((socket) => {
        socket.write(head);
        const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
        const more = () => void (socket.writable && socket.write(chunk, more));
        more();
      }),
    );
    expect(reasonOf(await failureOf(eventsOf(endless.generate(chatRequest, whole()))))).toBe("provider_error");
    const clock = fakeClock();
    const written = Promise.withResolvers<void>();
    const slow = raw(await rawServer((socket) => socket.write(`${head}3\r\nno!\r\n`, () => written.resolve())), { clock });
    const failure = failureOf(eventsOf(slow.generate(chatRequest, whole())));
    await written.promise;
    while (clock.pending() === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5000);
    expect(reasonOf(await failure)).toBe("provider_error");
  });

  it("are read as a whole answer where only its length was wrong", async () => {
    const body = JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }] });
    const provider = raw(
      await rawServer((socket) =>
        socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length + 5}\r\n\r\n${body}`),
      ),
    );
    expect(textOf(await eventsOf(provider.generate(chatRequest, whole())))).toBe("hi");
  });

  it("are waited for no longer when they make a whole answer and do not end", async () => {
    const clock = fakeClock();
    const body = JSON.stringify({ choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }] });
    const chunked = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`;
    const left = Promise.withResolvers<void>();
    const provider = raw(
      await rawServer((socket) => {
        socket.on("close", () => left.resolve());
        socket.write(chunked);
      }),
      { clock },
    );
    const events = eventsOf(provider.generate(chatRequest, whole()));
    const ended = events.then(() => "ended");
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    // Slower than the connection comes about: a turn of the event loop each ms.
    do clock.advance(1);
    while ((await Promise.race([ended, turn()])) !== "ended");
    expect(textOf(await events)).toBe("hi");
    await left.promise;
  });

  it("are a stream where a whole answer was asked for", async () => {
    const provider = raw(await rawServer("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n"));
    const error = await failureOf(eventsOf(provider.generate(chatRequest, whole())));
    expect(reasonOf(error)).toBe("provider_malformed");
    expect(error.rawMessage).toContain("text/event-stream");
  });
});

describe("an upstream that is not there", () => {
  it("is unavailable, and no address is told", async () => {
    const provider = raw("http://127.0.0.1:1");
    const error = await failureOf(eventsOf(provider.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_unavailable");
    expect(error.rawMessage).toContain("ECONNREFUSED");
    expect(error.rawMessage).not.toContain("127.0.0.1");
  });

  it("has no name that anybody knows", async () => {
    const error = await failureOf(eventsOf(raw("http://no-such-host.invalid").generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_unavailable");
    expect(error.rawMessage).not.toContain("invalid");
  });
});
