import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import { estimatedPromptTokens, estimatedUsage } from "../core/estimate.ts";
import { chatKind } from "../core/kinds.ts";
import type { Clock } from "../core/ports.ts";
import { costOf } from "../core/prices.ts";
import { reasonOf } from "../core/reasons.ts";
import { beaten, discarded, outcomeError } from "../core/signals.ts";
import { isUnsent } from "../core/unsent.ts";
import { Stage, type Outcome } from "../core/stages.ts";
import type { Ledger } from "../core/books.ts";
import type { DisconnectPolicy, Price } from "../core/upstreams.ts";
import type { Kind, Layer, Work } from "../core/work.ts";

/** What the books need to know of a target. */
export interface LedgerOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly provider: string;
  /** The model's name there. */
  readonly model: string;
  /** Number of the upstream's key, from 1; 0 when it has none. */
  readonly key: number;
  readonly takesCallerKeys: boolean;
  /** `none`: of an answer that was cut off nothing is counted. */
  readonly policy: DisconnectPolicy;
  /** Undefined: no price is known. */
  readonly price: Price | undefined;
  readonly priceVersion: string;
}

/** Writes one record of each attempt when it has ended, however it ended: tokens as the upstream counted them or, where it did not come to that, as they are estimated to be. */
export function ledger(options: LedgerOptions): Layer {
  return function ledgerLayer(next, kind) {
    const attempt = { options, next, kind };
    return function recorded(request, context) {
      return new Recorded(attempt, request, context);
    };
  };
}

/** What was refused while it was written took nothing. */
function isOfNothing(outcome: Outcome): boolean {
  return outcome.type === "failed" && isUnsent(outcome.error);
}

/** Ends before the first content after which an upstream has probably read the prompt all the same. */
const silentEnds: ReadonlySet<string> = new Set([
  "lost",
  "discarded",
  "left",
  "deadline_exceeded",
  "time_limit",
  "draining",
  "provider_timeout",
]);

interface RecordedWork<Request, Event> {
  readonly options: LedgerOptions;
  readonly next: Work<Request, Event>;
  readonly kind: Kind<Request, Event>;
}

/** What is known of one attempt. */
class Recorded<Request, Event> extends Stage<Event> {
  readonly #work: RecordedWork<Request, Event>;
  readonly #request: Request;
  readonly #context: CallContext;
  #number = 0;
  #startMs = 0;
  #isAsked = false;
  #firstContentMs: number | undefined;
  #characters = 0;
  #usage: Usage | undefined;

  constructor(work: RecordedWork<Request, Event>, request: Request, context: CallContext) {
    super();
    this.#work = work;
    this.#request = request;
    this.#context = context;
  }

  override begin(): void {
    this.#number = this.#context.record.attempts;
    this.#startMs = this.#work.options.clock.now();
  }

  override open(): AsyncIterable<Event> {
    const context = this.#context;
    const onAsked = () => {
      this.#isAsked = true;
      context.onAsked?.();
    };
    return this.#work.next(this.#request, { ...context, onAsked });
  }

  override pass(event: Event): Event {
    const { kind, options } = this.#work;
    if (this.#firstContentMs === undefined && kind.isContent(event)) this.#firstContentMs = options.clock.now() - this.#startMs;
    const characters = kind.charactersOf(event);
    if (characters > 0) this.#characters += characters;
    else this.#usage = kind.usageOf(event) ?? this.#usage;
    return event;
  }

  override end(how: Outcome): void {
    if (isOfNothing(how)) return;
    const { options, kind } = this.#work;
    const { clock, ledger: books, provider, model, key, takesCallerKeys, price, priceVersion } = options;
    const { requestId, caller, signal, upstreamKey } = this.#context;
    const isCallersKey = takesCallerKeys && upstreamKey !== undefined;
    const outcome = outcomeOf(how, signal);
    const usage = this.#usage ?? this.#estimate(outcome);
    books.record({
      requestId,
      operation: kind.operation,
      tenant: caller.tenant,
      keyId: caller.keyId,
      provider,
      model,
      key: isCallersKey ? 0 : key,
      attempt: this.#number,
      isCallersKey,
      outcome,
      usage,
      cost: usage && price && costOf(price, usage),
      priceVersion,
      durationMs: clock.now() - this.#startMs,
      firstContentMs: this.#firstContentMs,
    });
  }

  /** What an attempt took whose upstream did not say so. */
  #estimate(outcome: string): Usage | undefined {
    const { kind, options } = this.#work;
    const chat = kind.operation === chatKind.operation ? kind.chatOf(this.#request) : undefined;
    if (chat === undefined) return undefined;
    if (outcome === "ok") return estimatedUsage(estimatedPromptTokens(chat), this.#characters);
    if (options.policy === "none") return undefined;
    const hasCost = this.#firstContentMs !== undefined || (this.#isAsked && silentEnds.has(outcome));
    return hasCost ? estimatedUsage(estimatedPromptTokens(chat), this.#characters, UsageSource.PARTIAL) : undefined;
  }
}

/** `ok`, `lost`, `discarded`, `left`, or the error's reason. */
function outcomeOf(outcome: Outcome, signal: AbortSignal): string {
  const error = outcomeError(outcome, signal);
  if (error === undefined) return "ok";
  if (signal.aborted && signal.reason === beaten) return "lost";
  if (signal.aborted && signal.reason === discarded) return "discarded";
  const reason = reasonOf(error);
  return reason === "caller_gone" ? "left" : reason;
}
