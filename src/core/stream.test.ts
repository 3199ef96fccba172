import { describe, expect, it } from "vitest";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { fault, reasonOf } from "./reasons.ts";
import type { Outcome, ReadyIterator } from "./stages.ts";
import { begun, mapErrors, mapStream, observe, only, readAll } from "./stream.ts";

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

describe("a stream that knows what is there already", () => {
  /** Letters, of which `waits` come only when waited for; tells how often that was. */
  function letters(all: readonly string[], waits: ReadonlySet<string> = new Set()) {
    const told = { waited: 0, left: 0 };
    let at = 0;
    const take = (): IteratorResult<string> => (at < all.length ? { done: false, value: all[at++]! } : { done: true, value: undefined });
    const iterator: ReadyIterator<string> = {
      ready: () => (at < all.length && !waits.has(all[at]!) ? take() : undefined),
      next: async () => (told.waited++, take()),
      return: async () => (told.left++, { done: true, value: undefined }),
    };
    return { told, stream: { [Symbol.asyncIterator]: () => iterator } };
  }

  it("is read without waiting, through every layer, in the order of the layers", async () => {
    const { told, stream } = letters(["a", "b", "c"], new Set(["b"]));
    const seen: string[] = [];
    const watch = (name: string) => ({ event: (event: string) => void seen.push(`${name}${event}`), end: () => void seen.push(name) });
    const inner = observe(() => stream, watch("inner"));
    const changed = begun(() => mapStream(inner, (letter) => letter.toUpperCase()));
    await readAll(
      observe(() => changed, watch("outer")),
      () => undefined,
    );
    expect(seen).toEqual(["innera", "outerA", "innerb", "outerB", "innerc", "outerC", "inner", "outer"]);
    // For the one that was not there, and for the end.
    expect(told).toEqual({ waited: 2, left: 0 });
  });

  it("waits for its reader where that says so, and is left when its reader fails", async () => {
    const { told, stream } = letters(["a", "b", "c"]);
    const read: string[] = [];
    const reading = readAll(stream, (letter) => {
      read.push(letter);
      return letter === "b" ? Promise.reject(new Error("full")) : Promise.resolve();
    });
    await expect(reading).rejects.toThrow("full");
    expect([read, told.left]).toEqual([["a", "b"], 1]);
  });

  it("tells every layer what was thrown, as the layers inside have changed it", async () => {
    const iterator: ReadyIterator<string> = {
      ready() {
        throw new Error("inner");
      },
      next: () => Promise.reject(new Error("not asked")),
    };
    const seen: unknown[] = [];
    const end = (outcome: Outcome) => void seen.push(outcome.type === "failed" && (outcome.error as Error).message);
    const inner = observe(() => ({ [Symbol.asyncIterator]: () => iterator }), { end });
    const outer = observe(() => mapErrors(inner, () => new Error("outer")), { end });
    await expect(readAll(outer, () => undefined)).rejects.toThrow("outer");
    expect(seen).toEqual(["inner", "outer"]);
  });

  it("tells a change that fails to the layers outside it, and leaves what is inside", async () => {
    const seen: string[] = [];
    async function* source() {
      try {
        yield "a";
        yield "b";
      } finally {
        seen.push("source left");
      }
    }
    const inner = observe(source, { end: ({ type }) => void seen.push(`inner ${type}`) });
    const changed = mapStream(inner, () => {
      throw new Error("no");
    });
    const outer = observe(() => changed, { end: ({ type }) => void seen.push(`outer ${type}`) });
    await expect(only(outer)).rejects.toThrow("no");
    expect(seen).toEqual(["inner left", "outer failed", "source left"]);
  });
});
