import { describe, expect, it } from "vitest";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";

describe("this machine alone", () => {
  it.each([
    "127.0.0.1",
    "127.255.0.9",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::ffff:127.0.0.1",
    "::FFFF:127.0.0.1",
  ])("is reached at %s", (address) => expect([isLoopbackAddress(address), isLoopbackHost(address)]).toEqual([true, true]));

  it.each(["localhost", "LOCALHOST", "[::1]", new URL("http://[::ffff:127.0.0.1]").hostname])("is called %s", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each([
    "",
    "0.0.0.0",
    "::",
    "::11",
    "::2",
    "10.0.0.1",
    "128.0.0.1",
    "127.0.0.256",
    "127.0.0.1.example.com",
    "127.example.com",
    "localhost.example.com",
    "::ffff:10.0.0.1",
  ])("is not %j", (host) => expect([isLoopbackAddress(host), isLoopbackHost(host)]).toEqual([false, false]));
});

it("tells addresses of one length apart, whichever was asked for before", () => {
  expect(["127.0.0.1", "128.0.0.1", "127.0.0.1", "128.0.0.1"].map(isLoopbackAddress)).toEqual([true, false, true, false]);
});
