import type { Learn } from "../core/targets.ts";
import type { Layer } from "../core/work.ts";

/** Waits, before routing, for what decides what a name means: whether the upstream that answers for unknown names has this one. Most calls pass at once. */
export function knowNames(learn: Learn): Layer {
  return function knowNamesLayer(next, kind) {
    return function known(request, context) {
      const { model, signal } = context;
      const learning = learn({ model, provider: kind.providerOf(request), purpose: kind.purpose, signal });
      return learning === undefined ? next(request, context) : after(learning, () => next(request, context));
    };
  };
}

async function* after<Event>(learning: Promise<void>, work: () => AsyncIterable<Event>): AsyncIterable<Event> {
  await learning;
  yield* work();
}
