import { refusedFields } from "../core/fields.ts";
import type { Clock } from "../core/ports.ts";
import type { Destination, Resolve, Target } from "../core/targets.ts";
import { fault, fieldsFault } from "../core/reasons.ts";
import { mapStream } from "../core/stream.ts";
import type { Kind, Served, Work } from "../core/work.ts";

/** What routing needs. */
export interface RouteOptions {
  readonly clock: Clock;
  readonly resolve: Resolve;
}

/** Chooses the target that serves a call and tells the caller which it was. A target that cannot do what the request asks is passed over; if none can, the error names the field. */
export function route<Request, Event>(kind: Kind<Request, Event>, { clock, resolve }: RouteOptions): Work<Request, Event> {
  return function routed(request, context) {
    const destination = resolve(context.model, kind.providerOf(request), kind.purpose);
    const { target, work } = choose(kind, request, destination);
    const { provider, model } = target;
    context.record.target = { provider, model };
    const attempts = ++context.record.attempts;
    let firstContentMs: number | undefined;
    const served = (): Served => ({
      name: destination.name,
      provider,
      model,
      attempt: attempts,
      attempts,
      retries: 0,
      isRateLimited: false,
      isHedged: false,
      isFallback: target !== destination.stops[0]?.target,
      startedMs: context.startedMs,
      nowMs: clock.now(),
      firstContentMs,
    });
    return mapStream(work(kind.withModel(request, model), context), (event) => {
      if (firstContentMs === undefined && kind.isContent(event)) firstContentMs = clock.now();
      return kind.served(event, served);
    });
  };
}

interface Chosen<Request, Event> {
  readonly target: Target;
  readonly work: Work<Request, Event>;
}

function choose<Request, Event>(kind: Kind<Request, Event>, request: Request, { name, stops }: Destination): Chosen<Request, Event> {
  const chat = kind.chatOf(request);
  let refusal: Error | undefined;
  for (const { target } of stops) {
    const work = target.workOf(kind);
    const refused = chat === undefined ? [] : refusedFields(chat, target.fields);
    if (work !== undefined && refused.length === 0) return { target, work };
    refusal ??=
      work === undefined
        ? fault("unimplemented", `${target.provider} cannot do ${kind.operation}`)
        : fieldsFault("unsupported_field", refused, { provider: target.provider });
  }
  throw refusal ?? fault("model_not_found", `nothing serves model "${name}"`, { metadata: { model: name } });
}
