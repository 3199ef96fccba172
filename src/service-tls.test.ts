import { once } from "node:events";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type ConnectionOptions } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ChatService } from "../gen/parley/v1/chat_pb.ts";
import { accepted, completed, finished, started, text } from "./core/events.ts";
import { FinishReason } from "../gen/parley/v1/chat_pb.ts";
import { loadConfig, type LoadedConfig } from "./config.ts";
import type { Variables } from "./core/child-environment.ts";
import { serviceTls } from "./service-tls.ts";
import { authority, type Certified } from "./testing/certificates.ts";
import { eventsOf, outlineOf, textOf } from "./testing/collect-events.ts";
import { fakeClock } from "./testing/fake-clock.ts";
import { recordingLog } from "./testing/recording-log.ts";
import { sharedFolder } from "./testing/temporary-folder.ts";
import { openDoors, saying, type Script, type TestDoors } from "./testing/test-doors.ts";

const folder = sharedFolder();
const [ours, theirs] = [authority("ours"), authority("theirs")];
const names = ["localhost", "127.0.0.1"];
const trust = { ca: ours.certificate, port: 0, host: "127.0.0.1" };

let count = 0;
function fileOf(content: string): string {
  const file = join(folder, `${(count += 1)}.pem`);
  writeFileSync(file, content);
  return file;
}

/** Replaces a file as careful programs do. */
function replace(file: string, content: string): void {
  renameSync(fileOf(content), file);
}

interface Files {
  readonly cert: string;
  readonly key: string;
}

function filesOf({ certificate, key }: Certified): Files {
  return { cert: fileOf(certificate), key: fileOf(key) };
}

function loadedWith({ cert, key }: Files, more: Variables = {}): LoadedConfig {
  return loadConfig({ environment: { LLM_TLS_CERT_FILE: cert, LLM_TLS_KEY_FILE: key, ...more } });
}

const clock = fakeClock(Date.now());
let { log, lines } = recordingLog();
let doors: TestDoors;
let close: () => Promise<void> | void = () => {};
beforeEach(() => ({ log, lines } = recordingLog()));
afterEach(async () => {
  await close();
  close = () => {};
});

/** Opens doors that go by files, as the service does. */
async function open(loaded: LoadedConfig, script: Script = saying("hello")): Promise<void> {
  const tls = serviceTls({ loaded, log, clock });
  doors = await openDoors(script, { tls: tls.settings });
  const stop = await tls.follow(doors);
  close = () => {
    stop();
    return doors.close();
  };
}

/** The serial number of the certificate that a new connection is shown; rejects where there is none. */
async function shown(options: ConnectionOptions = {}): Promise<string> {
  const socket = connect({ ...trust, port: doors.port, ALPNProtocols: ["http/1.1"], ...options });
  try {
    await once(socket, "secureConnect");
    // Of TLS 1.3 a client knows no more than that its own part went well: an answer tells the rest.
    socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const answered = once(socket, "data");
    const closed = once(socket, "close").then(() => Promise.reject(new Error("closed")));
    await Promise.race([answered, closed]);
    closed.catch(() => {});
    return socket.getPeerX509Certificate()?.serialNumber ?? "";
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}

const told = (message: RegExp) => lines.filter((line) => message.test(line.message));

/** Lets time pass until it holds. */
const eventually = (look: () => unknown) => expect.poll(() => (clock.advance(2000), look()), { interval: 5 });

describe("files that are replaced", () => {
  it("hold for the connections that come, while a stream of an older one runs on", async () => {
    const first = filesOf(ours.issue(names));
    const { promise: rest, resolve: goOn } = Promise.withResolvers<void>();
    await open(loadedWith(first), async function* slow() {
      yield accepted({ id: "chatcmpl-1", model: "tiny", createdMs: 0 });
      yield started("test", "tiny");
      yield text(0, "before ");
      await rest;
      yield text(0, "after");
      yield finished(0, FinishReason.STOP);
      yield completed({});
    });
    const before = await shown();
    const transport = createGrpcTransport({ baseUrl: doors.url, nodeOptions: { ca: ours.certificate } });
    const events = createClient(ChatService, transport).stream({})[Symbol.asyncIterator]();
    const read = [(await events.next()).value, (await events.next()).value, (await events.next()).value];
    const next = ours.issue(names);
    replace(first.cert, next.certificate);
    replace(first.key, next.key);
    await eventually(() => told(/^certificate read$/).length).toBe(1);
    expect(await shown()).not.toBe(before);
    goOn();
    const left = await eventsOf({ [Symbol.asyncIterator]: () => events });
    expect(outlineOf([...read, ...left])).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(textOf([...read, ...left])).toBe("before after");
  });

  it("are found behind links that are changed, as Kubernetes does", async () => {
    const mounted = join(folder, "mounted");
    const versions = [ours.issue(names), ours.issue(names)].map(({ certificate, key }, index) => {
      const version = join(mounted, `..${index}`);
      mkdirSync(version, { recursive: true });
      writeFileSync(join(version, "tls.crt"), certificate);
      writeFileSync(join(version, "tls.key"), key);
      return version;
    });
    symlinkSync(versions[0] ?? "", join(mounted, "..data"));
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(mounted, name));
    await open(loadedWith({ cert: join(mounted, "tls.crt"), key: join(mounted, "tls.key") }));
    const before = await shown();
    symlinkSync(versions[1] ?? "", join(mounted, "..next"));
    renameSync(join(mounted, "..next"), join(mounted, "..data"));
    await eventually(() => told(/^certificate read$/).length).toBe(1);
    expect(await shown()).not.toBe(before);
  });

  it("are told of once where they cannot be used, and the old ones hold", async () => {
    const files = filesOf(ours.issue(names));
    await open(loadedWith(files));
    const before = await shown();
    const next = ours.issue(names);
    replace(files.key, next.key);
    await eventually(() => told(/cannot be read/).length).toBe(1);
    expect(told(/cannot be read/)[0]?.facts["problem"]).toBe(`LLM_TLS_KEY_FILE: ${files.key}: is not the certificate's key`);
    for (let times = 0; times < 5; times += 1) clock.advance(2000);
    expect([await shown(), told(/cannot be read/).length]).toEqual([before, 1]);
    replace(files.cert, next.certificate);
    await eventually(() => told(/^certificate read$/).length).toBe(1);
    expect([(await shown()) === before, told(/cannot be read/).length]).toEqual([false, 1]);
  });

  it("are not complained of while one follows the other", async () => {
    const files = filesOf(ours.issue(names));
    await open(loadedWith(files));
    const next = ours.issue(names);
    replace(files.cert, next.certificate);
    // The first change has been heard, and found wanting.
    await expect.poll(() => (clock.advance(100), clock.pending())).toBeGreaterThan(2);
    replace(files.key, next.key);
    await eventually(() => told(/^certificate read$/).length).toBe(1);
    expect(told(/cannot be read/)).toEqual([]);
  });

  it("say so where a certificate's time is over", async () => {
    await open(loadedWith(filesOf(ours.issue(names, new Date(Date.now() - 1000)))));
    expect(told(/not valid now/)).toHaveLength(1);
  });
});

describe("certificates of clients", () => {
  const client = ours.issue(["client"]);
  const good = { cert: client.certificate, key: client.key };
  const stranger = theirs.issue(["client"]);
  const bad = { cert: stranger.certificate, key: stranger.key };
  let caFile: string;
  beforeAll(() => {
    caFile = fileOf(ours.certificate);
  });
  const openFor = (mode: string) =>
    open(loadedWith(filesOf(ours.issue(names)), { LLM_TLS_CLIENT_CA_FILE: caFile, LLM_TLS_CLIENT_CERTIFICATES: mode }));

  it("are shown or not where they are optional, and must be good where they are", async () => {
    await openFor("optional");
    await expect(shown()).resolves.not.toBe("");
    await expect(shown(good)).resolves.not.toBe("");
    await expect(shown(bad)).rejects.toThrow();
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("are demanded where they are required, by %s", async (version) => {
    await openFor("required");
    const only = { minVersion: version, maxVersion: version };
    await expect(shown({ ...only, ...good })).resolves.not.toBe("");
    await expect(shown(only)).rejects.toThrow();
    await expect(shown({ ...only, ...bad })).rejects.toThrow();
  });

  it("are demanded of HTTP/2 too", async () => {
    await openFor("required");
    const say = (nodeOptions: object) =>
      createClient(ChatService, createGrpcTransport({ baseUrl: doors.url, nodeOptions: { ca: ours.certificate, ...nodeOptions } })).chat(
        {},
      );
    expect((await say(good)).model).toBe("tiny");
    await expect(say({})).rejects.toThrow();
    const connectTransport = createConnectTransport({
      baseUrl: doors.url,
      httpVersion: "1.1",
      nodeOptions: { ca: ours.certificate, ...good },
    });
    expect((await createClient(ChatService, connectTransport).chat({})).model).toBe("tiny");
  });

  it("of an authority that is trusted no more are refused, though their connection was resumed", async () => {
    await openFor("required");
    const socket = connect({ ...trust, ...good, port: doors.port });
    const [session] = (await once(socket, "session")) as [Buffer];
    const resumed = connect({ ...trust, ...good, session, port: doors.port });
    await once(resumed, "secureConnect");
    expect(resumed.isSessionReused()).toBe(true);
    replace(caFile, theirs.certificate);
    await eventually(() => told(/^certificate read$/).length).toBe(1);
    await expect(shown({ ...good, session })).rejects.toThrow();
    await expect(shown(bad)).resolves.not.toBe("");
    socket.destroy();
    resumed.destroy();
    caFile = fileOf(ours.certificate);
  });
});
