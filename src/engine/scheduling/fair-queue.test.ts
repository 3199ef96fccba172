import { describe, expect, it } from "vitest";
import { fairQueue } from "./fair-queue.ts";

interface Entry {
  readonly name: string;
  readonly priority: "interactive" | "batch";
}

function filled(names: string): ReturnType<typeof fairQueue<Entry>> {
  const queue = fairQueue<Entry>();
  for (const name of names.split(" ")) queue.push({ name, priority: name.startsWith("b") ? "batch" : "interactive" });
  return queue;
}

function drained(queue: ReturnType<typeof fairQueue<Entry>>): string {
  const names: string[] = [];
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) names.push(entry.name);
  return names.join(" ");
}

describe("the queue of a model", () => {
  it("serves whoever came first of those who are equal", () => {
    expect(drained(filled("i1 i2 i3"))).toBe("i1 i2 i3");
    expect(drained(filled("b1 b2 b3"))).toBe("b1 b2 b3");
  });

  it("lets interactive entries pass those of batch", () => {
    expect(drained(filled("b1 i1 i2"))).toBe("i1 i2 b1");
  });

  it("never lets more than four in a row pass, so that batch is served however many are interactive", () => {
    expect(drained(filled("b1 b2 i1 i2 i3 i4 i5 i6 i7 i8 i9"))).toBe("i1 i2 i3 i4 b1 i5 i6 i7 i8 b2 i9");
  });

  it("tells the order in which it will serve", () => {
    const queue = filled("b1 b2 i1 i2 i3 i4 i5 i6");
    queue.shift();
    const order = queue
      .inOrder()
      .map(({ name }) => name)
      .join(" ");
    expect(order).toBe(drained(queue));
  });

  it("forgets who leaves", () => {
    const queue = filled("i1 i2 i3");
    expect(queue.remove(queue.inOrder()[1]!)).toBe(true);
    expect(queue.length).toBe(2);
    expect(drained(queue)).toBe("i1 i3");
  });
});
