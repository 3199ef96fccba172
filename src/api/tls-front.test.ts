import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { text } from "node:stream/consumers";
import { connect, type SecureVersion } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, it } from "vitest";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { authority } from "../testing/certificates.ts";
import { testCertificate, testKey } from "../testing/test-certificate.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const own = { key: testKey, certificate: testCertificate };
const trust = { ca: testCertificate };

let doors: TestDoors;
afterEach(() => doors.close());

/** The body of `/livez`, over HTTP/1.1. */
async function livez(options: object = {}): Promise<string> {
  const asked = request(`${doors.url}/livez`, { ...trust, ...options, agent: false }).end();
  const [response] = await once(asked, "response");
  return text(response);
}

describe("a listener with TLS", () => {
  it("serves HTTP/1.1 and native gRPC on one port, and says so in its URL", async () => {
    doors = await openDoors(saying("hello"), { tls: own });
    const transport = createGrpcTransport({ baseUrl: doors.url, nodeOptions: trust });
    const answer = await createClient(ChatService, transport).chat({});
    expect([doors.url, answer.choices[0]?.message?.parts[0]?.part.value]).toEqual([
      expect.stringMatching(/^https:/),
      expect.objectContaining({ text: "hello" }),
    ]);
    expect(await livez()).not.toBe("");
  });

  it.each(["h2", "http/1.1"])("agrees on %s with a client that asks for it, by TLS 1.2 and 1.3", async (name) => {
    doors = await openDoors(saying("hello"), { tls: own });
    for (const version of ["TLSv1.2", "TLSv1.3"] satisfies SecureVersion[]) {
      const socket = connect({ ...trust, port: doors.port, ALPNProtocols: [name], minVersion: version, maxVersion: version });
      await once(socket, "secureConnect");
      expect(socket.alpnProtocol).toBe(name);
      socket.destroy();
    }
  });

  it("asks clients for a certificate where an authority is named, and cuts off those without", async () => {
    doors = await openDoors(saying("hello"), { tls: { ...own, clientAuthority: testCertificate } });
    expect(await livez({ key: testKey, cert: testCertificate })).not.toBe("");
    await expect(livez()).rejects.toThrow();
    // A client hears of it in its handshake, or behind it.
    const socket = connect({ ...trust, port: doors.port, ALPNProtocols: ["h2"] }).on("error", () => {});
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
  });

  it("closes a connection whose handshake does not come", async () => {
    doors = await openDoors(saying("hello"), { tls: own, limits: { firstByteMs: 20 } });
    const socket = connectPlain(doors.port, "127.0.0.1");
    await once(socket, "close");
  });

  it("outlives what breaks handshakes, or speaks no HTTP behind them", async () => {
    doors = await openDoors(saying("hello"), { tls: { ...own, clientAuthority: testCertificate, clientCertificates: "optional" } });
    const other = authority("other").issue(["client"]);
    const attempts = Array.from({ length: 40 }, (_, index) => {
      const socket =
        index % 2 === 0
          ? connectPlain(doors.port, "127.0.0.1", () => socket.write(index % 4 === 0 ? randomBytes(200) : Buffer.from("160301", "hex")))
          : connect({
              ...trust,
              port: doors.port,
              ALPNProtocols: [index % 4 === 1 ? "h2" : "http/1.1"],
              ...(index % 3 === 0 && { cert: other.certificate, key: other.key }),
            });
      socket.on("error", () => {}).resume();
      if (index % 4 === 2) socket.once("connect", () => socket.destroy());
      socket.once("secureConnect", () => socket.end(randomBytes(200)));
      return new Promise((resolve) => socket.once("close", resolve));
    });
    await Promise.all(attempts);
    expect(await livez()).not.toBe("");
  });

  it("drains: what runs ends, and connections are closed", async () => {
    doors = await openDoors(saying("hello"), { tls: own });
    const session = connectHttp2(doors.url, trust);
    await once(session, "connect");
    const closed = once(session, "close");
    await doors.drain();
    await closed;
  });
});
