import { expect, it } from "vitest";
import { fault, reasonOf } from "./reasons.ts";
import { Stage, type Outcome, type ReadyIterator } from "./stages.ts";

/** What stages are told, in order. */
const told: string[] = [];

interface Noted {
  readonly inner: AsyncIterable<number>;
  readonly failsAt?: "begin" | "open" | "pass";
}

/** A stage that notes what it is told. */
class Noting extends Stage<number> {
  readonly #name: string;
  readonly #noted: Noted;

  constructor(name: string, noted: Noted) {
    super();
    this.#name = name;
    this.#noted = noted;
  }

  #note(what: string): void {
    told.push(`${this.#name} ${what}`);
    if (this.#noted.failsAt === what.split(" ")[0]) throw fault("internal", `no ${what}`);
  }

  override begin(): void {
    this.#note("begin");
  }

  override open(): AsyncIterable<number> {
    this.#note("open");
    return this.#noted.inner;
  }

  override ask(): void {
    this.#note("ask");
  }

  override pass(event: number): number {
    this.#note(`pass ${event}`);
    return event + 1;
  }

  override end({ type }: Outcome): void {
    this.#note(type);
  }
}

/** One event after the other, as promises. */
async function* counting(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

/** Two stages around a source; starts to note anew. */
function stages(source: AsyncIterable<number>, outerFails?: Noted["failsAt"], innerFails?: Noted["failsAt"]): ReadyIterator<number> {
  told.length = 0;
  const inner = new Noting("inner", { inner: source, ...(innerFails !== undefined && { failsAt: innerFails }) });
  return new Noting("outer", { inner, ...(outerFails !== undefined && { failsAt: outerFails }) })[Symbol.asyncIterator]();
}

const failure = (promise: Promise<unknown>) => promise.then(() => "none", reasonOf);

it("stages begin from the outside in, are asked so, and see events from the inside out", async () => {
  const events = stages(counting());
  expect(await events.next()).toEqual({ done: false, value: 3 });
  expect(told).toEqual([
    "outer begin",
    "outer open",
    "inner begin",
    "inner open",
    "outer ask",
    "inner ask",
    "inner pass 1",
    "outer pass 2",
  ]);
  await events.next();
  told.length = 0;
  await events.next();
  await events.next();
  await events.return?.();
  expect(told).toEqual(["outer ask", "inner ask", "inner done", "outer done"]);
});

it("who leaves is heard from the outside in, once, also while an event is waited for", async () => {
  const never = Promise.withResolvers<IteratorResult<number>>();
  const left: string[] = [];
  const source = { next: () => never.promise, return: async () => (left.push("source"), { done: true as const, value: undefined }) };
  const events = stages({ [Symbol.asyncIterator]: () => source });
  const waiting = failure(events.next());
  told.length = 0;
  await events.return?.();
  never.reject(fault("caller_gone", "left"));
  expect(await waiting).toBe("caller_gone");
  expect([told, left]).toEqual([["outer left", "inner left"], ["source"]]);
});

it("one that cannot begin opens nothing, and its end is not told", async () => {
  expect(await failure(stages(counting(), "begin").next())).toBe("internal");
  expect(told).toEqual(["outer begin"]);
  expect(await failure(stages(counting(), undefined, "begin").next())).toBe("internal");
  expect(told).toEqual(["outer begin", "outer open", "inner begin", "outer ask", "outer failed"]);
});

it("one that cannot open has failed, and so have those around it", async () => {
  expect(await failure(stages(counting(), undefined, "open").next())).toBe("internal");
  expect(told.slice(-2)).toEqual(["inner failed", "outer failed"]);
});

it("one that cannot pass an event on has failed; what is inside it is left", async () => {
  expect(await failure(stages(counting(), "pass").next())).toBe("internal");
  expect(told.slice(-2)).toEqual(["inner left", "outer failed"]);
  expect(await failure(stages(counting(), undefined, "pass").next())).toBe("internal");
  expect(told.slice(-2)).toEqual(["inner failed", "outer failed"]);
});

it("there may be more than a number has bits", async () => {
  told.length = 0;
  let stream: AsyncIterable<number> = counting();
  for (let index = 0; index < 70; index++) stream = new Noting(`${index}`, { inner: stream });
  expect(await stream[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 71 });
  expect(told.filter((what) => what.includes("pass"))).toHaveLength(70);
});
