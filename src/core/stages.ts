/** How a stream ended. */
export type Outcome = { readonly type: "done" } | { readonly type: "left" } | { readonly type: "failed"; readonly error: unknown };

/** An iterator that knows what is there already. */
export interface ReadyIterator<Event> extends AsyncIterator<Event> {
  /** The next event if it can be had at once, else undefined: then `next` waits for it. Never called while a `next` is under way. Throws what the stream throws. A promise for each event would cost more than most events do. */
  ready?(): IteratorResult<Event> | undefined;
}

/**
 * What a policy does with one call, and the stream of it, in one object, for there are a dozen around every call. `Inner` are the events that it is given, `Event` those that it passes on.
 * Read, it begins, and opens what is inside it, which begins then. Each time an event is asked for, the outermost hears of it first (`ask`), and the innermost sees it first (`pass`); so it is with failures (`fail`, `end`). Who leaves is heard by the outermost first.
 * To be read once: nothing sees to that here, where a field would cost more than most stages do (src/README.md). The outermost of a call does.
 */
export abstract class Stage<Event, Inner = Event> implements AsyncIterable<Event> {
  /** Takes what a reader costs, such as permits, timers and spans. What it throws is told by the first `next`, and `end` is not called then. */
  begin?(): void;
  /** The stream inside. What it throws is told by the first `next`, and `end` is called. */
  abstract open(): AsyncIterable<Inner>;
  /** Each time the consumer asks for an event: from here to the event the stream is waited for. Must not throw. */
  ask?(): void;
  /** Each event, before the consumer has it; answers what the consumer gets. What it throws ends the stream. */
  pass?(event: Inner): Event;
  /** What is thrown in the place of an error, which may come behind `end` where the consumer has left meanwhile. */
  fail?(error: unknown): Error;
  /** Exactly once: when the stream is done, has thrown (the error is given), or was left by its consumer (`left`). Must not throw. */
  end?(outcome: Outcome): void;

  [Symbol.asyncIterator](): AsyncIterator<Event> {
    try {
      this.begin?.();
    } catch (error) {
      return failed(error);
    }
    let inner: AsyncIterator<Inner>;
    try {
      inner = this.open()[Symbol.asyncIterator]();
    } catch (error) {
      inner = failed(error);
    }
    const pipe = inner instanceof Pipe && !inner.isFull() ? inner : new Pipe(inner);
    pipe.put(this);
    return pipe as AsyncIterator<Event>;
  }
}

type AnyStage = Stage<unknown>;

const done: Outcome = { type: "done" };
const left: Outcome = { type: "left" };

/** Bits of a number, as JavaScript shifts them. */
const mostStages = 32;

/** An iterator with the stages around it. They share one, so that an event costs one promise, however many it passes. */
class Pipe implements ReadyIterator<unknown> {
  readonly #source: ReadyIterator<unknown>;
  /** Innermost first. */
  readonly #stages: AnyStage[] = [];
  /** Which of them see events, and which are told when one is asked for, a bit each: looked up once, and not at every event. */
  #passed = 0;
  #asked = 0;
  #isOver = false;
  #onResult: ((result: IteratorResult<unknown>) => IteratorResult<unknown>) | undefined;
  #onError: ((error: unknown) => never) | undefined;

  constructor(source: AsyncIterator<unknown>) {
    this.#source = source;
  }

  /** Whether there is no bit left for a further stage. */
  isFull(): boolean {
    return this.#stages.length === mostStages;
  }

  /** Puts a stage around those that are there: while it is built, and never once it is read. */
  put(stage: AnyStage): void {
    const bit = 1 << this.#stages.length;
    this.#stages.push(stage);
    if (stage.pass !== undefined) this.#passed |= bit;
    if (stage.ask !== undefined) this.#asked |= bit;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#asked !== 0 && !this.#isOver) this.#ask();
    this.#onResult ??= (result) => this.#pass(result);
    this.#onError ??= (error) => this.#fail(error, this.#stages);
    return this.#source.next().then(this.#onResult, this.#onError);
  }

  /** The outermost first. */
  #ask(): void {
    for (let index = this.#stages.length - 1; index >= 0; index--) if ((this.#asked & (1 << index)) !== 0) this.#stages[index]!.ask!();
  }

  ready(): IteratorResult<unknown> | undefined {
    let result: IteratorResult<unknown> | undefined;
    try {
      result = this.#source.ready?.();
    } catch (error) {
      this.#fail(error, this.#stages);
    }
    return result === undefined ? undefined : this.#pass(result);
  }

  async return(): Promise<IteratorResult<unknown>> {
    if (!this.#isOver) {
      this.#isOver = true;
      leave(this.#stages);
    }
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  /** Shows a result to every stage, from the inside out. */
  #pass(result: IteratorResult<unknown>): IteratorResult<unknown> {
    if (result.done === true) {
      this.#finish();
      return result;
    }
    let event = result.value;
    for (let index = 0; index < this.#stages.length; index++) {
      if ((this.#passed & (1 << index)) === 0) continue;
      try {
        event = this.#stages[index]!.pass!(event);
      } catch (error) {
        this.#break(index, error);
      }
    }
    return event === result.value ? result : { done: false, value: event };
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stage of this.#stages) stage.end?.(done);
  }

  /** A stage cannot go on: those inside it are left, it and those around it are told. What the source throws on its way out comes behind what is told. */
  #break(at: number, error: unknown): never {
    if (!this.#isOver) leave(this.#stages.slice(0, at));
    this.#source.return?.().catch(() => {});
    this.#fail(error, this.#stages.slice(at));
  }

  /** Tells a failure to stages, from the inside out. */
  #fail(error: unknown, stages: readonly AnyStage[]): never {
    let told = error;
    const isOver = this.#isOver;
    this.#isOver = true;
    for (const stage of stages) {
      if (stage.fail !== undefined) told = stage.fail(told);
      if (!isOver) stage.end?.({ type: "failed", error: told });
    }
    throw told;
  }
}

/** The outermost first. */
function leave(stages: readonly AnyStage[]): void {
  for (let index = stages.length - 1; index >= 0; index--) stages[index]?.end?.(left);
}

/** The iterator of a stream that is made now. What its making throws, the first `next` does. */
export function iteratorOf<Event>(make: () => AsyncIterable<Event>): AsyncIterator<Event> {
  try {
    return make()[Symbol.asyncIterator]();
  } catch (error) {
    return failed(error);
  }
}

function failed<Event>(error: unknown): AsyncIterator<Event> {
  return {
    next: () => Promise.reject(error),
    return: () => Promise.resolve({ done: true, value: undefined }),
  };
}
