import { describe, expect, it } from "vitest";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fault, reasonOf } from "./reasons.ts";
import { mapErrors, mapStream, observe, only, type Outcome } from "./stream.ts";

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

describe("mapStream and mapErrors", () => {
  /** Two letters and a failure; tells when it is left. */
  function failing() {
    const told: string[] = [];
    const stream = (async function* () {
      try {
        yield "a";
        yield "b";
        throw new Error("secret");
      } finally {
        told.push("over");
      }
    })();
    return { stream, told };
  }
  const shout = (letter: string) => letter.toUpperCase();
  const tell = (error: unknown) => fault("internal", "it failed", { cause: error });

  it("change events, and what is thrown", async () => {
    const seen: string[] = [];
    const read = async () => {
      for await (const letter of mapErrors(mapStream(failing().stream, shout), tell)) seen.push(letter);
    };
    const error = await failureOf(read());
    expect([seen, error.rawMessage, (error.cause as Error).message]).toEqual([["A", "B"], "it failed", "secret"]);
  });
  it("leave the inner stream with whoever leaves them", async () => {
    const [first, second] = [failing(), failing()];
    for await (const _ of mapStream(first.stream, shout)) break;
    for await (const _ of mapErrors(second.stream, tell)) break;
    expect([first.told, second.told]).toEqual([["over"], ["over"]]);
  });
});
