import type { CallContext } from "../core/context.ts";
import { deferred } from "../core/stream.ts";
import type { Work } from "../core/work.ts";

/** Has done what a call wants done before its work begins, such as the loading of its model in its own way. What fails of it fails the call. */
export function prepare<Request, Event>(next: Work<Request, Event>): Work<Request, Event> {
  return function prepared(request: Request, context: CallContext): AsyncIterable<Event> {
    const { prepare: first } = context;
    if (first === undefined) return next(request, context);
    return deferred(async () => {
      await first(context);
      return next(request, context);
    });
  };
}
