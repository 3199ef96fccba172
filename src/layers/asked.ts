import type { Layer } from "../core/work.ts";

/** Tells the books that the target itself is asked now. Innermost: what waits in a queue has cost nothing. */
export const asked: Layer = function askedLayer(next) {
  return function told(request, context) {
    context.onAsked?.();
    return next(request, context);
  };
};
