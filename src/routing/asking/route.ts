import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { noCallersKeys } from "../../core/callers-key.ts";
import type { CallContext } from "../../core/context.ts";
import { chatKind } from "../../core/kinds.ts";
import type { Limits } from "../../core/limits.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { RouteObserver } from "../../core/route-observer.ts";
import type { Destination, Resolve, Stop } from "../../core/targets.ts";
import type { Kind, Work } from "../../core/work.ts";
import { hedgeShares } from "./hedge-shares.ts";
import type { DeadEnd } from "../choosing/candidates.ts";
import { Itinerary } from "../choosing/itinerary.ts";
import { inOrder } from "../choosing/order.ts";
import { rescued } from "../rescue/rescue.ts";
import type { Run, RunScope } from "../run.ts";
import { Running } from "./running.ts";
import type { RunningOptions } from "./serving.ts";
import { targetStates, type TargetStates } from "../targets/target-states.ts";

/** What routing needs. */
export interface RoutingOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly log: Log;
  readonly observer: RouteObserver;
  readonly resolve: Resolve;
  /** From 0 up to 1; default: Math.random. */
  readonly random?: () => number;
}

/** From calls to targets, with all that their failures have taught: one for the service, and all its kinds of work. */
export interface Routing {
  /** Finds the targets of a call, and asks them until one has started. */
  route<Request, Event>(kind: Kind<Request, Event>): Work<Request, Event>;
  readonly health: Pick<TargetStates, "healthOf" | "forget">;
}

/** Makes the routing of a service. */
export function routing({ resolve, random = Math.random, ...given }: RoutingOptions): Routing {
  const states = targetStates(given);
  const options: RunningOptions = { ...given, random, states, hedges: hedgeShares() };
  return {
    route(kind) {
      const run = runOf(kind, options);
      const rescuing =
        kind.operation === chatKind.operation
          ? asRunOf(
              kind,
              rescued(run as unknown as ChatRun, { ...options, onRescue: (broken, outcome) => given.observer.rescued(broken, outcome) }),
            )
          : run;
      return function routed(request, context) {
        const destination = resolve(context.model, kind.providerOf(request), kind.purpose);
        const scope: RunScope = { destination, isContinuation: false };
        return destination.rescue === undefined ? run(request, context, scope) : rescuing(request, context, scope);
      };
    },
    health: states,
  };
}

type ChatRun = Run<ChatRequest, ChatEvent>;

/** Chat is the only kind that can be rescued; that this kind is chat was looked at before. */
function asRunOf<Request, Event>(_kind: Kind<Request, Event>, run: ChatRun): Run<Request, Event> {
  return run as unknown as Run<Request, Event>;
}

/** Asks stops until one has started. What can be refused before anything is asked is refused at once. */
function runOf<Request, Event>(kind: Kind<Request, Event>, options: RunningOptions): Run<Request, Event> {
  const { random, states } = options;
  const drawing = { random, turn: (stop: Stop) => states.turn(stop.target) };
  return function run(request, context, scope) {
    const order = inOrder(allowed(scope.destination, context), drawing);
    const [first] = order;
    const { name } = scope.destination;
    if (first === undefined) throw fault("model_not_found", `nothing serves model "${name}"`, { metadata: { model: name } });
    const stops = scope.accepts === undefined ? order : order.filter(scope.accepts);
    if (stops.length === 0) throw fault("provider_unavailable", `no other target serves model "${name}"`);
    const itinerary = new Itinerary({ kind, request, context, isFurther: scope.isContinuation }, stops, options);
    const leg = itinerary.next();
    if (!("candidate" in leg)) throw refusal(itinerary.refusal, leg, { name, context });
    return new Running({ kind, context, scope, itinerary, leg, first }, options);
  };
}

/** The stops that a run may ask. With a key of its own a call stays with one upstream, the first that takes such keys: nobody else is to see it. There, its other keys are not asked for. */
function allowed({ name, stops }: Destination, { upstreamKey }: CallContext): readonly Stop[] {
  if (upstreamKey === undefined) return stops;
  const first = stops.find(({ target }) => target.takesCallerKeys);
  if (first === undefined) throw noCallersKeys(`nothing that serves model "${name}" takes a caller's own key`);
  const models = new Set<string>();
  return stops.filter(({ target: { provider, model } }) => {
    if (provider !== first.target.provider || models.has(model)) return false;
    models.add(model);
    return true;
  });
}

/** Why no target can be asked at all: none can do what the request asks, or all of them want to be left alone for now. */
function refusal(
  refused: Error | undefined,
  { because, retryAfterMs }: DeadEnd,
  { name, context }: { readonly name: string; readonly context: CallContext },
): Error {
  if (retryAfterMs === undefined) return refused ?? fault("provider_unavailable", `model "${name}" cannot be asked: ${because}`);
  context.record.isRateLimited = true;
  const message = `the upstreams of model "${name}" ask for a pause of ${Math.ceil(retryAfterMs / 1000)} s`;
  return fault("provider_rate_limited", message, { retryAfterMs });
}
