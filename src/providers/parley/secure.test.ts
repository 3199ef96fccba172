import { createServer, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { ServerCredentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { eventsOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { testParley } from "../../testing/parley-provider.ts";
import { askPlayed, playedAnswer } from "../../testing/played-parley.ts";
import { testCertificate, testKey } from "../../testing/test-certificate.ts";
import { startScriptedParley, type ScriptedParley } from "../../testing/upstream/parley.ts";

const pair = { private_key: Buffer.from(testKey), cert_chain: Buffer.from(testCertificate) };
const trusted = getCACertificates();

describe("another Parley behind TLS", () => {
  let secure: ScriptedParley;
  beforeAll(async () => {
    secure = await startScriptedParley(() => playedAnswer, ServerCredentials.createSsl(null, [pair]));
  });
  afterAll(() => {
    setDefaultCACertificates(trusted);
    secure.close();
  });

  it("is not asked when its certificate is not trusted", async () => {
    const provider = testParley({ baseUrl: `https://localhost:${secure.port}` });
    const error = await failureOf(eventsOf(askPlayed(provider)));
    expect([reasonOf(error), error.rawMessage]).toEqual(["provider_unavailable", expect.stringContaining("certificate is not trusted")]);
    await provider.close();
    expect(secure.calls).toEqual([]);
  });

  it("is asked when it is", async () => {
    setDefaultCACertificates([...trusted, testCertificate]);
    const provider = testParley({ baseUrl: `https://localhost:${secure.port}` });
    expect(textOf(await eventsOf(askPlayed(provider)))).toBe("ab");
    await provider.close();
  });
});

it("another Parley is reached through a proxy, which is told its name and no more", async () => {
  const other = await startScriptedParley(() => playedAnswer);
  const tunnels: { readonly to: string | undefined; readonly authorization: string | undefined }[] = [];
  const proxy = createServer();
  proxy.on("connect", ({ url, headers }: IncomingMessage, socket: Socket) => {
    tunnels.push({ to: url, authorization: headers["proxy-authorization"] });
    const onward = connect(other.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    for (const each of [socket, onward]) each.on("error", () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const authorization = `Basic ${Buffer.from("user:pass:word").toString("base64")}`;
  const way = { origin: new URL(`http://127.0.0.1:${port}`), authorization };
  const provider = testParley({ baseUrl: "edge.invalid:8080" }, { proxyFor: () => way });
  expect(textOf(await eventsOf(askPlayed(provider)))).toBe("ab");
  expect(tunnels).toEqual([{ to: "edge.invalid:8080", authorization }]);
  await provider.close();
  other.close();
  await new Promise((resolve) => {
    proxy.close(resolve);
    proxy.closeAllConnections();
  });
});
