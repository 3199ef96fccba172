import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { expect, it } from "vitest";
import { inTurns } from "./turns.ts";

interface Fake {
  readonly stream: ServerHttp2Stream;
  end(): void;
}

const aSession = (destroyed = false) => ({ destroyed }) as unknown as Http2Session;

function aStream(): Fake {
  const state = { destroyed: false, closed: false, on: () => {} };
  return { stream: state as unknown as ServerHttp2Stream, end: () => void (state.closed = true) };
}

function setUp() {
  const served: string[] = [];
  const unseen: Http2Session[] = [];
  const take = inTurns<string>({ serve: (_, name) => void served.push(name), unseen: (session) => void unseen.push(session) });
  return { served, unseen, take };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

it("a burst on one connection is begun in order, 32 a turn, and others are begun between", async () => {
  const { served, take } = setUp();
  const [busy, other] = [aSession(), aSession()];
  for (let index = 0; index < 70; index++) take(busy, aStream().stream, `busy ${index}`);
  take(other, aStream().stream, "other");
  expect(served).toHaveLength(33);
  expect(served.at(-1)).toBe("other");
  await nextTurn();
  expect(served).toHaveLength(65);
  await nextTurn();
  expect(served.filter((name) => name !== "other")).toEqual(Array.from({ length: 70 }, (_, index) => `busy ${index}`));
});

it("a stream that is reset in the turn in which it came is told as unseen, one that was given up while it waited for us is not, and neither is begun", async () => {
  const { served, unseen, take } = setUp();
  const session = aSession();
  const all = Array.from({ length: 100 }, aStream);
  all.forEach(({ stream }, index) => take(session, stream, String(index)));
  for (const at of [32, 40, 63]) all[at]?.end();
  await nextTurn();
  expect(unseen).toHaveLength(3);
  all[99]?.end();
  for (let turn = 0; turn < 3; turn++) await nextTurn();
  expect(unseen).toHaveLength(3);
  expect(served).toHaveLength(96);
});

it("the streams of a connection that has ended are neither begun nor told", async () => {
  const { served, unseen, take } = setUp();
  const session = { destroyed: false };
  const all = Array.from({ length: 50 }, aStream);
  all.forEach(({ stream }, index) => take(session as unknown as Http2Session, stream, String(index)));
  session.destroyed = true;
  for (const each of all) each.end();
  await nextTurn();
  expect([served.length, unseen.length]).toEqual([32, 0]);
});
