import { systemClock } from "../core/clock.ts";
import { defaultLimits } from "../core/limits.ts";
import { noRouteObserver } from "../core/route-observer.ts";
import type { Destination } from "../core/targets.ts";
import { routing, type Routing, type RoutingOptions } from "../routing/asking/route.ts";
import { silentLog } from "../telemetry/log.ts";

/** Routing to one destination, whatever is asked for; `given` says what matters to the test. Without a random source of its own it draws 0.5 each time. */
export function testRouting(destination: Omit<Destination, "name">, given: Partial<RoutingOptions> = {}): Routing {
  return routing({
    clock: systemClock,
    limits: defaultLimits,
    log: silentLog,
    observer: noRouteObserver,
    random: () => 0.5,
    resolve: (name) => ({ ...destination, name }),
    ...given,
  });
}
