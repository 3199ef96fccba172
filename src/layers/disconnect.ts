import type { CallContext } from "../core/context.ts";
import type { Clock } from "../core/ports.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { abortFault, beaten, discarded } from "../core/signals.ts";
import type { ReadyIterator } from "../core/stages.ts";
import { begun } from "../core/stream.ts";
import type { DisconnectPolicy } from "../core/upstreams.ts";
import type { Kind, Layer } from "../core/work.ts";
import type { LeftReads } from "./left-reads.ts";

/** What the policy needs. */
export interface DisconnectOptions {
  readonly clock: Clock;
  readonly policy: DisconnectPolicy;
  /** How long an answer is read whose caller has left, ms. */
  readonly drainReadMs: number;
  /** Where such reads are known. */
  readonly reads: LeftReads;
}

/** Events and characters that are read of an answer whose caller has left: more than any model writes. */
const mostEvents = 200_000;
const mostCharacters = 16 * 1024 * 1024;

/**
 * What becomes of an answer whose caller left: `estimate` and `none` cancel it at once, as everything does that heeds the signal. `drain` ends the caller's side at once too, and reads on in its place until the usage is told or the limits end it.
 * Permits are held until then. Deadlines, the end of the service, attempts that another has beaten or that are thrown away, and calls that still wait are cancelled as ever.
 */
export function disconnect(options: DisconnectOptions): Layer {
  return function disconnectLayer(next, kind) {
    if (options.policy !== "drain") return next;
    return function drained(request, context) {
      return begun(() => {
        const answer = new Answer(options, kind, context.signal);
        answer.open(next(request, answer.contextOf(context))[Symbol.asyncIterator]());
        return { [Symbol.asyncIterator]: () => answer };
      });
    };
  };
}

type Result<Event> = IteratorResult<Event>;

/** An answer that is read to its end though its caller has left. */
class Answer<Event> implements ReadyIterator<Event> {
  readonly #options: DisconnectOptions;
  readonly #kind: Pick<Kind<never, Event>, "usageOf" | "charactersOf">;
  readonly #outer: AbortSignal;
  readonly #own = new AbortController();
  #source: ReadyIterator<Event> | undefined;
  #isAsked = false;
  /** What the consumer waits for. */
  #waiting: { readonly result: Promise<Result<Event>>; readonly reject: (error: Error) => void } | undefined;
  #hasLeft = false;

  constructor(options: DisconnectOptions, kind: Pick<Kind<never, Event>, "usageOf" | "charactersOf">, outer: AbortSignal) {
    this.#options = options;
    this.#kind = kind;
    this.#outer = outer;
    if (outer.aborted) this.#onAbort();
    else outer.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The context of the work inside: its signal outlives the caller. */
  contextOf(context: CallContext): CallContext {
    const onAsked = () => {
      this.#isAsked = true;
      context.onAsked?.();
    };
    return { ...context, signal: this.#own.signal, onAsked };
  }

  open(source: ReadyIterator<Event>): void {
    this.#source = source;
  }

  next(): Promise<Result<Event>> {
    if (this.#hasLeft) return Promise.reject(abortFault(this.#outer));
    const result = this.#read();
    return new Promise((resolve, reject) => {
      this.#waiting = { result, reject };
      result.then(
        (value) => {
          this.#waiting = undefined;
          if (value.done === true) this.#close();
          resolve(value);
        },
        (error: unknown) => {
          this.#close();
          reject(error);
        },
      );
    });
  }

  ready(): Result<Event> | undefined {
    if (this.#hasLeft) return undefined;
    try {
      const result = this.#source?.ready?.();
      if (result?.done === true) this.#close();
      return result;
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  async return(): Promise<Result<Event>> {
    this.#close();
    if (!this.#hasLeft) await this.#source?.return?.();
    return { done: true, value: undefined };
  }

  #read(): Promise<Result<Event>> {
    return this.#source?.next() ?? Promise.resolve({ done: true, value: undefined });
  }

  #close(): void {
    this.#outer.removeEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => {
    const error = abortFault(this.#outer);
    const isGone = reasonOf(error) === "caller_gone" && error !== beaten && error !== discarded;
    if (!isGone || !this.#isAsked) return this.#own.abort(this.#outer.reason);
    this.#hasLeft = true;
    const waiting = this.#waiting;
    waiting?.reject(error);
    void this.#readOn(waiting?.result);
  };

  /** Reads to the usage. What fails here has nobody to be told but the books, and they are inside. */
  async #readOn(first: Promise<Result<Event>> | undefined): Promise<void> {
    const { clock, drainReadMs, reads } = this.#options;
    const leave = reads.enter((error) => this.#own.abort(error));
    const cancel = clock.after(drainReadMs, () => this.#own.abort(fault("caller_gone", `its usage was not told within ${drainReadMs} ms`)));
    try {
      await this.#toUsage(first);
      await this.#source?.return?.();
    } catch {
      // told to the books
    } finally {
      cancel();
      leave();
    }
  }

  async #toUsage(first: Promise<Result<Event>> | undefined): Promise<void> {
    let waiting = first;
    let characters = 0;
    for (let events = 0; events < mostEvents && characters < mostCharacters; events++) {
      const result = await (waiting ?? this.#read());
      waiting = undefined;
      if (result.done === true || this.#kind.usageOf(result.value) !== undefined) return;
      characters += this.#kind.charactersOf(result.value);
    }
  }
}
