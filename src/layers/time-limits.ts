import { limitFault, type LimitName } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { linkSignal } from "../core/signals.ts";
import { observe } from "../core/stream.ts";
import type { Layer } from "../core/work.ts";

/** What time limits need. Undefined: no such limit for this target. */
export interface TimeLimitOptions {
  readonly clock: Clock;
  /** Name of the target, for errors. */
  readonly target: string;
  /** The whole attempt, ms. */
  readonly callMs: number;
  /** To the first content, ms; local targets have none, since their queue has its own. */
  readonly firstTokenMs: number | undefined;
  /** Between two events after the first content, ms. */
  readonly idleStreamMs: number | undefined;
}

/** Aborts an attempt that takes too long: in all, to its first content, or between two events. */
export function timeLimits({ clock, target, callMs, firstTokenMs, idleStreamMs }: TimeLimitOptions): Layer {
  return function timeLimitsLayer(next, kind) {
    return function timed(request, context) {
      const link = linkSignal(context.signal);
      const expire = (name: LimitName, ms: number, what: string) => () =>
        link.abort(limitFault(name, `${target} ${what} within ${ms} ms; raise limits.${name} if that is expected`, { provider: target }));
      const cancelTotal = clock.after(callMs, expire("callMs", callMs, "did not finish"));
      let cancelNext =
        firstTokenMs === undefined ? noTimer : clock.after(firstTokenMs, expire("firstTokenMs", firstTokenMs, "sent nothing"));
      let isStarted = false;
      const release = () => (cancelTotal(), cancelNext(), link.release());
      try {
        return observe(next(request, { ...context, signal: link.signal }), {
          event(event) {
            isStarted ||= kind.isContent(event);
            if (!isStarted) return;
            cancelNext();
            cancelNext =
              idleStreamMs === undefined ? noTimer : clock.after(idleStreamMs, expire("idleStreamMs", idleStreamMs, "sent nothing more"));
          },
          end: release,
        });
      } catch (error) {
        release();
        throw error;
      }
    };
  };
}

const noTimer = () => {};
