import { describe, expect, it } from "vitest";
import { channel, type Channel } from "./channel.ts";

function counted(maxBytes = 10): { readonly items: Channel<string>; readonly calls: string[] } {
  const calls: string[] = [];
  const items = channel<string>({ maxBytes, onFull: () => calls.push("full"), onDrained: () => calls.push("drained") });
  return { items, calls };
}

describe("a channel", () => {
  it("hands items on in order, to a reader that waits and to one that comes later", async () => {
    const { items } = counted();
    const first = items.next();
    items.push("a", 1);
    items.push("b", 1);
    items.end();
    expect([await first, await items.next(), await items.next()]).toEqual(["a", "b", undefined]);
  });

  it("says once that it is full, and once that it has drained to half", async () => {
    const { items, calls } = counted(10);
    for (const item of ["a", "b", "c", "d"]) items.push(item, 4);
    expect(calls).toEqual(["full"]);
    await items.next();
    await items.next();
    expect(calls).toEqual(["full"]);
    await items.next();
    expect(calls).toEqual(["full", "drained"]);
  });

  it("counts nothing that a reader waits for", () => {
    const { items, calls } = counted(10);
    void items.next();
    items.push("a", 100);
    expect(calls).toEqual([]);
  });

  it("gives an error at once, before what waits", async () => {
    const { items } = counted();
    items.push("a", 1);
    items.fail(new Error("gone"));
    await expect(items.next()).rejects.toThrow("gone");
    items.push("b", 1);
    await expect(items.next()).rejects.toThrow("gone");
  });

  it("still gives what waits when it ends, and keeps its first end", async () => {
    const { items } = counted();
    items.push("a", 1);
    items.end();
    items.fail(new Error("too late"));
    expect([await items.next(), await items.next()]).toEqual(["a", undefined]);
  });
});
