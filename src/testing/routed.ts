import type { ConnectError } from "@connectrpc/connect";
import type { ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import type { Call, CallContext } from "../core/context.ts";
import { chatKind } from "../core/kinds.ts";
import { defaultLimits, type Limits } from "../core/limits.ts";
import { plainStop } from "../core/stops.ts";
import type { Destination, Stop, Target } from "../core/targets.ts";
import type { Routing } from "../routing/asking/route.ts";
import { testContext } from "./call-context.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { recordingLog, type LogLine } from "./recording-log.ts";
import { userRequest } from "./sample-request.ts";
import { newScore, scriptedTarget, whileTimePasses, type Play, type Score } from "./scripted-target.ts";
import { testRouting } from "./test-routing.ts";

/** A scripted stop of a route under test; its rank is its place unless said. */
export interface Scripted extends Partial<Omit<Stop, "target">> {
  readonly name: string;
  readonly key?: number;
  readonly model?: string;
  readonly plays: readonly Play[];
  readonly target?: Partial<Target>;
}

/** What became of one call. */
export interface Ended {
  readonly events: readonly ChatEvent[];
  readonly error: ConnectError | undefined;
  readonly context: CallContext;
}

/** A route of scripted targets, and the time they live in. */
export interface Routed {
  readonly clock: FakeClock;
  readonly score: Score;
  readonly routing: Routing;
  readonly lines: readonly LogLine[];
  readonly targets: readonly Target[];
  /** Names of the targets that were asked so far, in order. */
  asked(): string[];
  /** Makes a call and lets time pass until it has ended. */
  call(given?: Partial<Call>): Promise<Ended>;
}

/** What matters to a test beside the targets. */
export interface RoutedOptions extends Partial<Omit<Destination, "stops" | "name">> {
  readonly limits?: Partial<Limits>;
  readonly random?: () => number;
}

/** Makes a route of scripted targets. */
export function routed(scripted: readonly Scripted[], { limits, random, ...destination }: RoutedOptions = {}): Routed {
  const clock = fakeClock();
  const score = newScore();
  const { log, lines } = recordingLog();
  const stops = scripted.map(({ name, key = 0, model = "m", plays, target, ...stop }, rank) =>
    plainStop(scriptedTarget(plays, { clock, score, provider: name, key, model, ...target }), { rank, ...stop }),
  );
  const options = { clock, log, limits: { ...defaultLimits, ...limits }, ...(random !== undefined && { random }) };
  const routing = testRouting({ stops, ...destination }, options);
  const generate = routing.route(chatKind);
  return {
    clock,
    score,
    routing,
    lines,
    targets: stops.map(({ target }) => target),
    asked: () => score.attempts.map(({ target }) => target),
    async call(given = {}) {
      const request = userRequest("hi", { model: "alias" });
      const context = testContext(request, { startedMs: clock.now(), ...given });
      const events: ChatEvent[] = [];
      const read = async (): Promise<void> => {
        for await (const event of generate(request, context)) events.push(event);
      };
      const error = await whileTimePasses(
        clock,
        read().then(
          () => undefined,
          (thrown: unknown) => thrown as ConnectError,
        ),
      );
      return { events, error, context };
    },
  };
}
