import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { silentLog } from "../telemetry/log.ts";
import { testCertificate, testKey } from "../testing/test-certificate.ts";
import { openDoors, saying } from "../testing/test-doors.ts";
import { bind, bindAll } from "./bind.ts";
import type { TlsSettings } from "./tls-front.ts";

const host = "127.0.0.1";

/** Takes a port, and gives it back at the end of the test. */
async function taken(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const { server, port } = await taken();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it("logs every error of a listener that is bound, and goes on", async () => {
  const server = createServer();
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (_message: string, facts?: Readonly<Record<string, unknown>>) => void logged.push(facts?.["error"]) };
  const { port } = await bind(server, { host: "127.0.0.1", port: 0 }, log);
  // That of binding is gone: it would refuse what has long been answered.
  expect(server.listenerCount("error")).toBe(1);
  const errors = [new Error("too many open files"), new Error("and again")];
  for (const error of errors) server.emit("error", error);
  expect(logged).toEqual(errors);
  expect(server.address()).toMatchObject({ port });
  await new Promise((resolve) => server.close(resolve));
});

/** A connection on which nothing is said. */
function silent(port: number): Socket {
  const socket = connect(port, host);
  socket.on("error", () => {});
  return socket;
}

/** A service with three ports that may have three connections, and one on each port. */
async function full(tls?: TlsSettings) {
  const more = [await freePort(), await freePort()];
  const doors = await openDoors(saying("x"), { limits: { maxConnections: 3 }, morePorts: more, tls });
  onTestFinished(() => doors.close());
  const ports = [doors.port, ...more];
  const open = ports.map(silent);
  for (const socket of open) await once(socket, "connect");
  return { ports, open };
}

it.each([undefined, { key: testKey, certificate: testCertificate }])(
  "lets all ports together have as many connections as one might",
  async (tls) => {
    const { ports, open } = await full(tls);
    for (const port of ports) await once(silent(port), "close");
    expect(open.map(({ readyState }) => readyState)).toEqual(["open", "open", "open"]);
  },
);

it("lets the next connection have the place of one that has ended, on whatever port", async () => {
  const { ports, open } = await full();
  for (const [at, before] of open.entries()) {
    before.end().resume();
    await once(before, "close");
    const next = silent(ports[(at + 1) % ports.length]!);
    await once(next, "connect");
    for (const port of ports) await once(silent(port), "close");
    expect(next.readyState).toBe("open");
  }
});

it("waits for nobody who came by the first port where a later one cannot be bound", async () => {
  const { port: occupied } = await taken();
  const server = createServer({ allowHalfOpen: true });
  let client: Socket | undefined;
  const listen = server.listen.bind(server) as (place: object, then: () => void) => Server;
  server.listen = ((place: object, then: () => void) =>
    listen(place, () => {
      client = silent((server.address() as AddressInfo).port);
      server.once("connection", then);
    })) as typeof server.listen;
  const bound = bindAll(server, { host, port: 0, morePorts: [occupied] }, silentLog);
  await expect(bound).rejects.toThrow(`cannot listen on ${host}:${occupied}`);
  if (client?.closed === false) await once(client, "close");
  expect([client?.destroyed, server.listening]).toEqual([true, false]);
});
