import type { Layer } from "../core/work.ts";

/** Tells the books and the record that the target itself is asked now. Innermost: what waits in a queue has cost nothing. */
export const asked: Layer = function askedLayer(next) {
  return function told(request, context) {
    const { record } = context;
    record.asked = record.attempts;
    context.onAsked?.();
    return next(request, context);
  };
};
