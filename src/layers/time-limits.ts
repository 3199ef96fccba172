import type { ConnectError } from "@connectrpc/connect";
import { limitFault, type LimitName } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { linkSignal } from "../core/signals.ts";
import { begun, observe } from "../core/stream.ts";
import type { Layer } from "../core/work.ts";

/** What time limits need. Undefined: no such limit for this target. */
export interface TimeLimitOptions {
  readonly clock: Clock;
  /** Name of the target, for errors. */
  readonly target: string;
  /** To the first content, ms; local targets have none, since their queue has its own. */
  readonly firstTokenMs: number | undefined;
  /** Between two events after the first content, ms; only while the consumer waits: a slow reader is not the target's fault. */
  readonly idleStreamMs: number | undefined;
}

/** Aborts an attempt that takes too long: to its first content, or between two events. How long a call may take in all is admission's business. */
export function timeLimits({ clock, target, firstTokenMs, idleStreamMs }: TimeLimitOptions): Layer {
  const late = (name: LimitName, ms: number, what: string): ConnectError =>
    limitFault(name, `${target} ${what} within ${ms} ms; raise limits.${name} if that is expected`, { provider: target });

  return function timeLimitsLayer(next, kind) {
    return function timed(request, context) {
      return begun(() => {
        const link = linkSignal(context.signal);
        const first = watchdog(clock, firstTokenMs, (ms) => link.abort(late("firstTokenMs", ms, "sent nothing")));
        const idle = watchdog(clock, idleStreamMs, (ms) => link.abort(late("idleStreamMs", ms, "sent nothing more")));
        let isStarted = false;
        first.wait();
        return observe(() => next(request, { ...context, signal: link.signal }), {
          ask() {
            if (isStarted) idle.wait();
          },
          event(event) {
            idle.rest();
            if (isStarted || !kind.isContent(event)) return;
            isStarted = true;
            first.close();
          },
          end: () => (first.close(), idle.close(), link.release()),
        });
      });
    };
  };
}

/** Calls back when one wait lasts longer than `ms`. A wait costs no timer: one timer looks when the wait began, and looks again later. */
function watchdog(clock: Clock, ms: number | undefined, onLate: (ms: number) => void) {
  let sinceMs: number | undefined;
  let cancel: (() => void) | undefined;
  const look = () => {
    const waitedMs = sinceMs === undefined ? 0 : clock.now() - sinceMs;
    if (ms === undefined) return;
    if (waitedMs >= ms) onLate(ms);
    else cancel = clock.after(ms - waitedMs, look);
  };
  return {
    wait() {
      if (ms === undefined) return;
      sinceMs = clock.now();
      cancel ??= clock.after(ms, look);
    },
    rest: () => void (sinceMs = undefined),
    close: () => cancel?.(),
  };
}
