import { describe, expect, it } from "vitest";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fault, reasonOf } from "./reasons.ts";
import { observe, only, type Outcome } from "./stream.ts";

describe("observe", () => {
  const watch = () => {
    const seen: string[] = [];
    return { seen, watch: { event: (event: string) => void seen.push(event), end: ({ type }: Outcome) => void seen.push(type) } };
  };
  async function* letters() {
    yield "a";
    yield "b";
  }
  it("tells each event and one end", async () => {
    const { seen, watch: watcher } = watch();
    expect(await eventsOf(observe(letters, watcher))).toEqual(["a", "b"]);
    expect(seen).toEqual(["a", "b", "done"]);
  });
  it("tells when the consumer leaves, once", async () => {
    const { seen, watch: watcher } = watch();
    for await (const _ of observe(letters, watcher)) break;
    expect(seen).toEqual(["a", "left"]);
  });
  it("tells what was thrown, and throws it on", async () => {
    const { seen, watch: watcher } = watch();
    const failing = observe(async function* (): AsyncGenerator<string> {
      throw fault("internal", "x");
    }, watcher);
    expect(reasonOf(await failureOf(eventsOf(failing)))).toBe("internal");
    expect(seen).toEqual(["failed"]);
  });
  it("lets unary work end by itself", async () => {
    const { seen, watch: watcher } = watch();
    expect(await only(observe(letters, watcher))).toBe("a");
    expect(seen).toEqual(["a", "b", "done"]);
  });
  it("makes nothing for a reader that does not come", () => {
    let made = 0;
    observe(() => (made++, letters()), {});
    expect(made).toBe(0);
  });
  it("is read only once, for its end comes only once", () => {
    const stream = observe(letters, {});
    stream[Symbol.asyncIterator]();
    expect(() => stream[Symbol.asyncIterator]()).toThrow("only once");
  });
  it("tells a failure to begin by the first event", async () => {
    const { seen, watch: watcher } = watch();
    const stream = observe((): AsyncIterable<string> => {
      throw fault("model_not_found", "no");
    }, watcher);
    expect(reasonOf(await failureOf(eventsOf(stream)))).toBe("model_not_found");
    expect(seen).toEqual(["failed"]);
  });
});
