import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { flooders } from "./flooders.ts";

// Timers and the time are what is outside here.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

const floodPauseMs = 1000;

function aConnection(remoteAddress: string) {
  const connection = Object.assign(new EventEmitter(), {
    remoteAddress,
    destroyed: false,
    destroy: () => void (connection.destroyed = true),
  });
  return connection as unknown as Socket & { destroyed: boolean };
}

function setUp() {
  const known = flooders({ floodPauseMs });
  const admit = (connection: Socket) => {
    let isIn = false;
    known.admit(connection, () => (isIn = true));
    return () => isIn;
  };
  const twice = (address: string) => [1, 2].forEach(() => known.note(address));
  return { known, admit, twice };
}

it("one flood may be a mistake; after two, what comes from there waits half to one and a half pauses", () => {
  const { known, admit, twice } = setUp();
  known.note("a");
  expect(admit(aConnection("a"))()).toBe(true);
  twice("b");
  const waiting = admit(aConnection("b"));
  expect([waiting(), admit(aConnection("c"))()]).toEqual([false, true]);
  vi.advanceTimersByTime(floodPauseMs / 2 - 1);
  expect(waiting()).toBe(false);
  vi.advanceTimersByTime(floodPauseMs + 1);
  expect(waiting()).toBe(true);
});

it.each([
  [3, 2],
  [4, 4],
  [9, 4],
])("after %d floods it waits %d times as long", (floods, times) => {
  const { known, admit } = setUp();
  for (let flood = 0; flood < floods; flood++) known.note("a");
  const waiting = admit(aConnection("a"));
  vi.advanceTimersByTime((times * floodPauseMs) / 2 - 1);
  expect(waiting()).toBe(false);
  vi.advanceTimersByTime(times * floodPauseMs + 1);
  expect(waiting()).toBe(true);
});

it("is forgotten after ten pauses", () => {
  const { admit, twice } = setUp();
  twice("a");
  vi.advanceTimersByTime(10 * floodPauseMs);
  expect(admit(aConnection("a"))()).toBe(true);
});

it("a client that does not wait leaves nothing behind, and is not let in", () => {
  const { admit, twice } = setUp();
  twice("a");
  const connection = aConnection("a");
  const isIn = admit(connection);
  connection.destroyed = true;
  connection.emit("error", new Error("reset"));
  connection.emit("close");
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(2 * floodPauseMs);
  expect(isIn()).toBe(false);
});

it("no more than 256 wait: further ones are closed, until some have been let in", () => {
  const { admit, twice } = setUp();
  twice("a");
  const all = Array.from({ length: 257 }, () => aConnection("a"));
  all.forEach((each) => admit(each));
  expect(all.filter(({ destroyed }) => destroyed)).toEqual([all[256]]);
  vi.advanceTimersByTime(2 * floodPauseMs);
  const later = aConnection("a");
  admit(later);
  expect(later.destroyed).toBe(false);
});

it.each([
  ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff::", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  ["2001:db8::5:6:7:8", "2001:db8:0:0:1::", true],
  ["1:2::5:6:7:8:9", "1:2:0:5::", true],
  ["fe80::1%eth0", "fe80::2%eth0", true],
  ["::1", "::2", true],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.2", false],
  ["192.0.2.1", "192.0.2.2", false],
])("of IPv6 a network is remembered, of IPv4 an address: %s and %s", (flooder, other, isSame) => {
  const { admit, twice } = setUp();
  twice(flooder);
  expect(admit(aConnection(other))()).toBe(!isSame);
});
