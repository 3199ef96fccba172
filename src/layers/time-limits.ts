import type { ConnectError } from "@connectrpc/connect";
import { limitFault } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { linkSignal } from "../core/signals.ts";
import { begun, observe } from "../core/stream.ts";
import type { Layer } from "../core/work.ts";

/** What time limits need. Undefined: no such limit for this target. */
export interface TimeLimitOptions {
  readonly clock: Clock;
  /** Name of the target, for errors. */
  readonly target: string;
  /** Name of the upstream whose settings the limits are; undefined: they are rows of the table of limits. */
  readonly upstream?: string | undefined;
  /** To the first content, ms; local targets have none, since their queue has its own. */
  readonly firstTokenMs: number | undefined;
  /**
   * Between two events after the first content, ms; only while the consumer waits: a slow reader is not the target's fault.
   * What makes no event, such as a keep-alive comment, does not count: an upstream that sends nothing else is stalled.
   */
  readonly idleStreamMs: number | undefined;
  /** An answer whose caller reads nothing before its end, ms: such may come in one piece, so this takes the place of the two above. */
  readonly wholeMs?: number | undefined;
  /** An attempt in all, ms. */
  readonly totalMs?: number | undefined;
}

type LimitOfTarget = "firstTokenMs" | "idleStreamMs" | "wholeMs" | "totalMs";

/** What did not happen in time, where an upstream's settings say so, and the limit's name there. */
const rows: Readonly<Record<LimitOfTarget, { readonly what: string; readonly setting: string; readonly name: string }>> = {
  firstTokenMs: { what: "sent no content", setting: "firstTokenSeconds", name: "firstTokenMs" },
  idleStreamMs: { what: "sent nothing more", setting: "idleSeconds", name: "idleMs" },
  wholeMs: { what: "did not answer", setting: "timeoutSeconds", name: "wholeMs" },
  totalMs: { what: "did not come to an end", setting: "totalSeconds", name: "totalMs" },
};

/** Aborts an attempt that takes too long: to its first content, between two events, or in all. How long a call may take in all is admission's business. */
export function timeLimits(options: TimeLimitOptions): Layer {
  return function timeLimitsLayer(next, kind) {
    return function timed(request, context) {
      return begun(() => {
        const link = linkSignal(context.signal);
        const watch = new Watch(options, context.isWhole && options.wholeMs !== undefined, (error) => link.abort(error));
        return observe(() => next(request, { ...context, signal: link.signal }), {
          ask: () => watch.wait(),
          event: (event) => watch.rest(kind.isContent(event)),
          end: () => (watch.close(), link.release()),
        });
      });
    };
  };
}

/** All limits of one attempt with one timer: it looks at what is due, and looks again when the next may be. */
class Watch {
  readonly #options: TimeLimitOptions;
  readonly #isWhole: boolean;
  readonly #onLate: (error: ConnectError) => void;
  readonly #startMs: number;
  /** Since when the consumer waits; undefined while it does not. */
  #waitMs: number | undefined;
  #isStarted = false;
  #timer: { readonly dueMs: number; readonly cancel: () => void } | undefined;

  constructor(options: TimeLimitOptions, isWhole: boolean, onLate: (error: ConnectError) => void) {
    this.#options = options;
    this.#isWhole = isWhole;
    this.#onLate = onLate;
    this.#startMs = options.clock.now();
    this.#arm(this.#startMs);
  }

  wait(): void {
    if (!this.#isStarted || this.#isWhole) return;
    const { clock, idleStreamMs } = this.#options;
    if (idleStreamMs === undefined) return;
    const nowMs = clock.now();
    this.#waitMs = nowMs;
    if (this.#timer === undefined || nowMs + idleStreamMs < this.#timer.dueMs) this.#arm(nowMs);
  }

  rest(isContent: boolean): void {
    this.#waitMs = undefined;
    this.#isStarted ||= isContent;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #arm(nowMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { dueMs } = this.#next();
    if (dueMs === Infinity) return;
    this.#timer = { dueMs, cancel: this.#options.clock.after(dueMs - nowMs, () => this.#look()) };
  }

  #look(): void {
    const nowMs = this.#options.clock.now();
    const { dueMs, limit } = this.#next();
    if (dueMs <= nowMs) this.#onLate(late(limit, this.#options));
    else this.#arm(nowMs);
  }

  /** The limit that is reached first, if nothing comes. */
  #next(): { readonly dueMs: number; readonly limit: LimitOfTarget } {
    const { firstTokenMs, idleStreamMs, wholeMs, totalMs } = this.#options;
    const total = { dueMs: due(this.#startMs, totalMs), limit: "totalMs" } as const;
    const own = this.#isWhole
      ? ({ dueMs: due(this.#startMs, wholeMs), limit: "wholeMs" } as const)
      : this.#isStarted
        ? ({ dueMs: due(this.#waitMs, idleStreamMs), limit: "idleStreamMs" } as const)
        : ({ dueMs: due(this.#startMs, firstTokenMs), limit: "firstTokenMs" } as const);
    return own.dueMs <= total.dueMs ? own : total;
  }
}

function due(sinceMs: number | undefined, ms: number | undefined): number {
  return sinceMs === undefined || ms === undefined ? Infinity : sinceMs + ms;
}

function late(limit: LimitOfTarget, options: TimeLimitOptions): ConnectError {
  const { target, upstream } = options;
  const { what, setting, name } = rows[limit];
  const ms = options[limit] ?? Number.NaN;
  const said = `${target} ${what} within ${ms} ms; raise`;
  if (upstream === undefined && (limit === "firstTokenMs" || limit === "idleStreamMs"))
    return limitFault(limit, `${said} limits.${limit} if that is expected`, { provider: target });
  const message = `${said} ${setting} of this upstream if that is expected`;
  return fault("provider_timeout", message, { provider: upstream ?? target, metadata: { limit: name } });
}
