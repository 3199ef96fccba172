import type { ConnectError } from "@connectrpc/connect";
import type { CallContext } from "../core/context.ts";
import { limitFault } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { linkSignal, type LinkedSignal } from "../core/signals.ts";
import { Stage } from "../core/stages.ts";
import type { Kind, Layer, Work } from "../core/work.ts";

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
    const attempt = { options, next, kind };
    return function timed(request, context) {
      return new Timed(attempt, request, context);
    };
  };
}

interface TimedWork<Request, Event> {
  readonly options: TimeLimitOptions;
  readonly next: Work<Request, Event>;
  readonly kind: Kind<Request, Event>;
}

/** One attempt, all of whose limits share one timer: it looks at what is due, and looks again when the next may be. */
class Timed<Request, Event> extends Stage<Event> {
  readonly #work: TimedWork<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  readonly #isWhole: boolean;
  #link: LinkedSignal | undefined;
  #startMs = 0;
  /** Since when the consumer waits; undefined while it does not. */
  #waitMs: number | undefined;
  #isStarted = false;
  #dueMs = Infinity;
  #cancelTimer: (() => void) | undefined;

  constructor(work: TimedWork<Request, Event>, request: Request, context: CallContext) {
    super();
    this.#work = work;
    this.#request = request;
    this.#context = context;
    this.#isWhole = context.isWhole && work.options.wholeMs !== undefined;
  }

  override begin(): void {
    this.#link = linkSignal(this.#context.signal);
    this.#startMs = this.#work.options.clock.now();
    this.#arm(this.#startMs);
  }

  override open(): AsyncIterable<Event> {
    return this.#work.next(this.#request, { ...this.#context, signal: this.#link!.signal });
  }

  override ask(): void {
    if (!this.#isStarted || this.#isWhole) return;
    const { clock, idleStreamMs } = this.#work.options;
    if (idleStreamMs === undefined) return;
    const nowMs = clock.now();
    this.#waitMs = nowMs;
    if (nowMs + idleStreamMs < this.#dueMs) this.#arm(nowMs);
  }

  override pass(event: Event): Event {
    this.#waitMs = undefined;
    this.#isStarted ||= this.#work.kind.isContent(event);
    return event;
  }

  override end(): void {
    this.#cancelTimer?.();
    this.#link?.release();
  }

  #arm(nowMs: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dueMs = this.#dueOf(this.#next());
    if (this.#dueMs !== Infinity) this.#cancelTimer = this.#work.options.clock.after(this.#dueMs - nowMs, () => this.#look());
  }

  #look(): void {
    const { options } = this.#work;
    const nowMs = options.clock.now();
    const limit = this.#next();
    if (this.#dueOf(limit) <= nowMs) this.#link?.abort(late(limit, options));
    else this.#arm(nowMs);
  }

  /** The limit that is reached first, if nothing comes. */
  #next(): LimitOfTarget {
    const own = this.#isWhole ? "wholeMs" : this.#isStarted ? "idleStreamMs" : "firstTokenMs";
    return this.#dueOf(own) <= this.#dueOf("totalMs") ? own : "totalMs";
  }

  #dueOf(limit: LimitOfTarget): number {
    const { firstTokenMs = Infinity, idleStreamMs = Infinity, wholeMs = Infinity, totalMs = Infinity } = this.#work.options;
    if (limit === "idleStreamMs") return (this.#waitMs ?? Infinity) + idleStreamMs;
    return this.#startMs + (limit === "wholeMs" ? wholeMs : limit === "totalMs" ? totalMs : firstTokenMs);
  }
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
