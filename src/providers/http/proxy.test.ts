import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { Secret } from "../../core/secret.ts";
import { eventsOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { chatRequest, openProviders, streaming, testProviders } from "../../testing/http-provider.ts";
import { wayTo } from "./proxy.ts";

const nothing = { http: undefined, https: undefined, none: undefined };

describe("the way to an upstream", () => {
  const proxies = { http: new Secret("http://p:3128"), https: new Secret("s.p:3129") };
  const through = (url: string, none?: string) => wayTo(new URL(url), { ...proxies, none }).proxy?.origin.origin;

  it("leads through the proxy of its scheme, and straight where there is none", () => {
    expect(through("http://h")).toBe("http://p:3128");
    expect(through("https://h")).toBe("http://s.p:3129");
    expect(wayTo(new URL("https://h"), { ...nothing, http: proxies.http }).proxy).toBeUndefined();
  });

  it.each(["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000"])("never leads through one to this machine: %s", (url) => {
    expect(through(url)).toBeUndefined();
  });

  it.each([
    ["https://api.example.com", "example.com"],
    ["https://api.example.com", "other.org, .example.com"],
    ["https://api.example.com", "*.example.com"],
    ["https://example.com", "example.com"],
    ["https://example.com.", "EXAMPLE.com"],
    ["https://h:8443", "h:8443"],
    ["https://h", "h:443"],
    ["http://10.1.2.3", "10.0.0.0/8"],
    ["http://10.1.2.3:8000", "10.1.2.3"],
    ["http://[fd00::5]", "fd00::/8"],
    ["http://[fd00::5]:81", "[fd00::5]:81"],
    ["https://h", "a b *"],
  ])("leads straight to %s where NO_PROXY is %s", (url, none) => {
    expect(through(url, none)).toBeUndefined();
  });

  it.each([
    ["https://api.example.com", "xample.com"],
    ["https://example.com", "*.example.com"],
    ["https://h", "h:8443"],
    ["http://11.1.2.3", "10.0.0.0/8"],
    ["http://11.1.2.3", "10.0.0.0/99"],
    ["https://h", ""],
  ])("leads through the proxy to %s where NO_PROXY is %s", (url, none) => {
    expect(through(url, none)).toBeDefined();
  });

  it.each(["socks5://user:secret@p", "ftp://secret@p", "http://[secret"])(
    "is refused where the proxy is none for HTTP, without telling it",
    (url) => {
      let error: unknown;
      try {
        wayTo(new URL("https://h"), { ...nothing, https: new Secret(url) });
      } catch (caught) {
        error = caught;
      }
      expect(reasonOf(error)).toBe("invalid_request");
      expect(String(error)).toContain("HTTPS_PROXY");
      expect(String(error)).not.toContain("secret");
    },
  );
});

/** A proxy that notes what it is asked and leads everything to one port, whatever host is named. */
async function startProxy(port: number, status = 200) {
  const asked: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const pass = (socket: Socket) => {
    const onward = connect(port, "127.0.0.1");
    sockets.add(onward);
    onward.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  };
  const server: Server = createServer((request, response) => {
    asked.push(request);
    const onward = connect(port, "127.0.0.1");
    sockets.add(onward);
    onward.on("error", () => response.destroy());
    // The request goes on with its path alone, and the answer comes back as it is.
    const { pathname } = new URL(request.url ?? "");
    const { authorization = "", host = "" } = request.headers;
    onward.write(`POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\n`);
    onward.write(`content-length: ${request.headers["content-length"]}\r\nconnection: close\r\n\r\n`);
    request.pipe(onward, { end: false });
    if (response.socket !== null) onward.pipe(response.socket);
  });
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(request);
    socket.on("error", () => {});
    if (status === 200) {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      pass(socket);
    } else socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { asked, url: new Secret(`http://me:pass%40word@127.0.0.1:${(server.address() as AddressInfo).port}`) };
}

const authorization = `Basic ${Buffer.from("me:pass@word").toString("base64")}`;

describe("a proxy", () => {
  it("is given requests for http whole, and its own key", async () => {
    const { upstream } = await openProviders();
    const { asked, url } = await startProxy(upstream.port);
    const [provider] = testProviders({ baseUrl: "http://models.example:8000/v1" }, { proxy: { ...nothing, http: url } });
    expect(textOf(await eventsOf(provider!.generate(chatRequest, streaming())))).toBe("one two three");
    expect(asked[0]?.url).toBe("http://models.example:8000/v1/chat/completions");
    expect(asked[0]?.headers).toMatchObject({ host: "models.example:8000", "proxy-authorization": authorization });
    expect(upstream.requests[0]?.headers["proxy-authorization"]).toBeUndefined();
    await provider?.close();
  });

  it("opens a tunnel to https, and sees no more than the host", async () => {
    const { upstream } = await openProviders();
    const { asked, url } = await startProxy(upstream.port);
    const [provider] = testProviders({ baseUrl: "https://models.example/v1" }, { proxy: { ...nothing, https: url } });
    // Behind the tunnel is a server without TLS: what matters is how far the call came.
    const error = await failureOf(eventsOf(provider!.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_unavailable");
    expect([asked[0]?.method, asked[0]?.url]).toEqual(["CONNECT", "models.example:443"]);
    expect(asked[0]?.headers["proxy-authorization"]).toBe(authorization);
    expect(asked[0]?.headers.authorization).toBeUndefined();
    await provider?.close();
  });

  it.each([
    [407, "user and password"],
    [403, "allows"],
  ])("that answers %i is what the error speaks of", async (status, words) => {
    const { url } = await startProxy(1, status);
    const [provider] = testProviders({ baseUrl: "https://models.example/v1" }, { proxy: { ...nothing, https: url } });
    const error = await failureOf(eventsOf(provider!.generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_unavailable");
    expect(error.rawMessage).toContain(words);
    expect(error.message + String(error.cause)).not.toContain("pass@");
    await provider?.close();
  });
});
