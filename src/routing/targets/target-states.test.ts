import { expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { noRouteObserver } from "../../core/route-observer.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { plainTarget } from "../../testing/plain-target.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import { targetStates } from "./target-states.ts";

it("a target that nothing leads to any more says nothing of its upstream, nor does a call that still runs on it", () => {
  const states = targetStates({ clock: fakeClock(), limits: defaultLimits, log: recordingLog().log, observer: noRouteObserver });
  const made = plainTarget({ provider: "up", model: "made-up" });
  const rest = () => states.failed(made, fault("provider_rate_limited", "slowly", { retryAfterMs: 60_000 }));
  rest();
  expect(states.healthOf("up").isAvailable).toBe(false);
  states.forget(made);
  rest();
  expect(states.healthOf("up")).toEqual({ isAvailable: true, breaker: "closed", errorRate: undefined });
});
