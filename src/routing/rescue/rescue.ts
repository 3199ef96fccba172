import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../../core/context.ts";
import { fault } from "../../core/reasons.ts";
import { linkSignal } from "../../core/signals.ts";
import type { Stop } from "../../core/targets.ts";
import { goOn, type RescueOptions } from "./attempts.ts";
import { gaveUp, isBreak, unended } from "./failure.ts";
import { told, type Told } from "./told.ts";
import type { Run, RunScope } from "../run.ts";

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
    let serving: Serving | undefined;
    const onServing = (stop: Stop) => {
      serving = { stop, told: told(stop.fill?.(request) ?? request), sinceMs: options.clock.now() };
      scope.onServing?.(stop);
    };
    const events = run(request, context, { ...scope, onServing });
    const call = { ...options, run, request, context, scope, attempts };
    return { [Symbol.asyncIterator]: () => guarded(events[Symbol.asyncIterator](), call, () => serving) };
  };
}

/** The attempt that serves, and what the client has of it. */
interface Serving {
  readonly stop: Stop;
  readonly told: Told;
  /** Instant of its first content. */
  readonly sinceMs: number;
}

interface Guarded extends RescueOptions {
  readonly run: Run<ChatRequest, ChatEvent>;
  readonly request: ChatRequest;
  readonly context: CallContext;
  readonly scope: RunScope;
  readonly attempts: number;
}

/** By hand rather than as a generator: until the answer breaks off, an event costs a promise and a look at its kind. */
function guarded(inner: AsyncIterator<ChatEvent>, call: Guarded, servingNow: () => Serving | undefined): AsyncIterator<ChatEvent> {
  let rescue: { readonly events: AsyncGenerator<ChatEvent, void, undefined>; leave(): void } | undefined;

  const onResult = (result: Result): Result | Promise<Result> => {
    const serving = servingNow();
    if (serving === undefined) return result;
    if (result.done === true) return serving.told.hasEnded() ? result : onError(unended());
    const event = serving.told.take(result.value);
    if (event === result.value) return result;
    return event === undefined ? inner.next().then(onResult, onError) : { done: false, value: event };
  };
  const onError = (error: unknown): Promise<Result> => {
    const serving = servingNow();
    if (serving === undefined || serving.told.hasEnded() || call.context.signal.aborted || !isBreak(error)) throw error;
    const obstacle = serving.told.obstacle();
    if (obstacle !== undefined) throw gaveUp(error, obstacle);
    const link = linkSignal(call.context.signal);
    const context = { ...call.context, signal: link.signal };
    const { stop, told: sofar, sinceMs: firstContentMs } = serving;
    const events = goOn({ ...call, context, told: sofar, serving: stop, firstContentMs }, error, () => link.release());
    rescue = { events, leave: () => link.abort(fault("caller_gone", "the caller went away")) };
    return events.next();
  };
  return {
    next() {
      if (rescue !== undefined) return rescue.events.next();
      const ready = servingNow()?.told.ready.shift();
      return ready === undefined ? inner.next().then(onResult, onError) : Promise.resolve({ done: false, value: ready });
    },
    async return() {
      rescue?.leave();
      await (rescue?.events ?? inner).return?.();
      return { done: true, value: undefined };
    },
  };
}
