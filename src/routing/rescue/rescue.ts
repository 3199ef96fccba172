import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { fault } from "../../core/reasons.ts";
import { linkSignal, type LinkedSignal } from "../../core/signals.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import type { Stop } from "../../core/targets.ts";
import { goOn, type Rescue, type RescueOptions } from "./attempts.ts";
import { gaveUp, isBreak, unended } from "./failure.ts";
import { told, type Told } from "./told.ts";
import type { Run } from "../run.ts";

type Result = IteratorResult<ChatEvent>;

/**
 * Goes on with text answers that break off after they have started, where the route allows it: from the text so far, or begun anew and left out as long as it is the same.
 * The client gets every word once and a clean end; `completed` says where it was spliced. Otherwise it gets the error of the break, which says why nobody went on.
 * Until an answer breaks off, its events are passed on as they come, but for what may be the beginning of a stop text.
 */
export function rescued(run: Run<ChatRequest, ChatEvent>, options: RescueOptions): Run<ChatRequest, ChatEvent> {
  return function rescuedRun(request, context, scope) {
    const attempts = scope.destination.rescue?.attempts ?? 0;
    if (attempts < 1 || scope.isContinuation) return run(request, context, scope);
    const guarded = new GuardedAnswer({ ...options, run, request, context, scope, attempts });
    return { [Symbol.asyncIterator]: () => guarded };
  };
}

/** The attempt that serves, and what the client has of it. */
interface Serving {
  readonly stop: Stop;
  readonly told: Told;
  /** Instant of its first content, ms since the epoch. */
  readonly firstContentMs: number;
}

/** An answer that is gone on with when it breaks off. Until then an event costs a look at its kind, and no promise more than it costs anyway. */
class GuardedAnswer implements ReadyIterator<ChatEvent> {
  readonly #call: Omit<Rescue, "told" | "serving" | "firstContentMs">;
  readonly #inner: ReadyIterator<ChatEvent>;
  #serving: Serving | undefined;
  #rest: AsyncGenerator<ChatEvent, void, undefined> | undefined;
  #link: LinkedSignal | undefined;

  constructor(call: Omit<Rescue, "told" | "serving" | "firstContentMs">) {
    const { run, request, context, scope, clock } = call;
    this.#call = call;
    const onServing = (stop: Stop) => {
      this.#serving = { stop, told: told(stop.fill?.(request) ?? request), firstContentMs: clock.now() };
      scope.onServing?.(stop);
    };
    this.#inner = run(request, context, { ...scope, onServing })[Symbol.asyncIterator]();
  }

  next(): Promise<Result> {
    if (this.#rest !== undefined) return this.#rest.next();
    const event = this.#serving?.told.ready.shift();
    return event === undefined ? this.#inner.next().then(this.#onResult, this.#onError) : Promise.resolve({ done: false, value: event });
  }

  ready(): Result | undefined {
    if (this.#rest !== undefined) return undefined;
    const event = this.#serving?.told.ready.shift();
    if (event !== undefined) return { done: false, value: event };
    const result = this.#atOnce();
    return result && this.#taken(result);
  }

  async return(): Promise<Result> {
    this.#link?.abort(fault("caller_gone", "the caller went away"));
    await (this.#rest ?? this.#inner).return?.();
    return { done: true, value: undefined };
  }

  #atOnce(): Result | undefined {
    try {
      return this.#inner.ready?.();
    } catch (error) {
      this.#rest = this.#rescue(error);
      return undefined;
    }
  }

  readonly #onResult = (result: Result): Result | Promise<Result> => this.#taken(result) ?? this.next();

  readonly #onError = (error: unknown): Promise<Result> => {
    this.#rest = this.#rescue(error);
    return this.#rest.next();
  };

  /** What the client gets of a result; undefined: nothing yet. */
  #taken(result: Result): Result | undefined {
    if (this.#serving === undefined) return result;
    const { told: sofar } = this.#serving;
    if (result.done === true) {
      if (sofar.hasEnded()) return result;
      this.#rest = this.#rescue(unended());
      return undefined;
    }
    const event = sofar.take(result.value);
    if (event === result.value) return result;
    return event === undefined ? undefined : { done: false, value: event };
  }

  /** The rest of the answer. Throws the error where the answer is not to be gone on with. */
  #rescue(error: unknown): AsyncGenerator<ChatEvent, void, undefined> {
    const { context } = this.#call;
    if (this.#serving === undefined || this.#serving.told.hasEnded() || context.signal.aborted || !isBreak(error)) throw error;
    const { stop, told: sofar, firstContentMs } = this.#serving;
    const obstacle = sofar.obstacle();
    if (obstacle !== undefined) throw gaveUp(error, obstacle);
    const link = linkSignal(context.signal);
    this.#link = link;
    const broken = { ...this.#call, context: { ...context, signal: link.signal }, told: sofar, serving: stop, firstContentMs };
    return goOn(broken, error, () => link.release());
  }
}
