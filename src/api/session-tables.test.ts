import { once } from "node:events";
import { connect, createServer, type ClientHttp2Session, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { defaultLimits } from "../core/limits.ts";
import { keepStreamsInArrays } from "./session-tables.ts";
import { guardSession } from "./sessions.ts";

/** A session, both its ends, and what its server answers by path. */
async function aSession(): Promise<{ client: ClientHttp2Session; session: ServerHttp2Session; isReplaced: boolean; close: () => void }> {
  const server = createServer();
  const begun = Promise.withResolvers<{ session: ServerHttp2Session; isReplaced: boolean }>();
  server.on("session", (session) => begun.resolve({ session, isReplaced: keepStreamsInArrays(session) }));
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    if (headers[":path"] === "/waits") return;
    stream.respond({ ":status": 200 });
    stream.end(String(headers[":path"]));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on("error", () => {});
  return { client, ...(await begun.promise), close: () => (client.destroy(), server.close()) };
}

async function ask(client: ClientHttp2Session, path: string): Promise<string> {
  const stream = client.request({ ":path": path });
  let text = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream) text += String(chunk);
  return text;
}

it("Node's tables are those that are known here: else this Node needs another look", async () => {
  const { isReplaced, close } = await aSession();
  expect(isReplaced).toBe(true);
  close();
});

it("those of a served connection are ours", async () => {
  const server = createServer();
  const tags = new Promise<string[]>((resolve) =>
    server.on("session", (session) => {
      guardSession(session, session.socket, defaultLimits);
      const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === "state")!;
      const { streams, pendingStreams } = (session as unknown as Record<symbol, Record<"streams" | "pendingStreams", object>>)[key]!;
      resolve([streams, pendingStreams].map((table) => table.constructor.name));
    }),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(await tags).toEqual(["StreamTable", "StreamList"]);
  client.destroy();
  server.close();
});

it("streams find their answers, many at once and one after the other", async () => {
  const { client, close } = await aSession();
  const paths = Array.from({ length: 90 }, (_, index) => `/${index}`);
  expect(await Promise.all(paths.map((path) => ask(client, path)))).toEqual(paths);
  for (const path of paths) expect(await ask(client, path)).toBe(path);
  close();
});

it("a session that is closed ends when its last stream has", async () => {
  const { client, session, close } = await aSession();
  const waiting = client.request({ ":path": "/waits" });
  waiting.on("error", () => {});
  await once(session, "stream");
  session.close();
  expect(session.destroyed).toBe(false);
  waiting.close();
  await once(session, "close");
  close();
});

it("a session that is destroyed takes its streams with it", async () => {
  const { client, session, close } = await aSession();
  const closed: Promise<unknown>[] = [];
  session.on("stream", (stream) => closed.push(once(stream, "close")));
  for (let index = 0; index < 3; index++) client.request({ ":path": "/waits" }).on("error", () => {});
  while (closed.length < 3) await once(session, "stream");
  session.destroy();
  await Promise.all(closed);
  close();
});

it("what is not Node's own tables, or not empty, stays", () => {
  const state = Symbol("state");
  const used = { streams: new Map([[1, {}]]), pendingStreams: new Set() };
  for (const tables of [undefined, {}, { streams: {}, pendingStreams: new Set() }, used]) {
    const session = { [state]: tables } as unknown as ServerHttp2Session;
    expect(keepStreamsInArrays(session)).toBe(false);
    expect((session as unknown as Record<symbol, unknown>)[state]).toBe(tables);
  }
});
