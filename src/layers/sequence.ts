import { chatEvent } from "../core/events.ts";
import { mapStream } from "../core/stream.ts";
import type { Generate } from "../core/work.ts";

/** Numbers the events 0, 1, 2, ... The only place that does: fallback, hedging and replay inside it cannot make a hole. Passes copies, since events may be shared. */
export function sequence(next: Generate): Generate {
  return function numbered(request, context) {
    let count = 0;
    return mapStream(next(request, context), ({ event }) => chatEvent(event, count++));
  };
}
