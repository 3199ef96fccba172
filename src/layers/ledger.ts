import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../core/context.ts";
import { estimatedPromptTokens, estimatedUsage } from "../core/estimate.ts";
import { chatKind } from "../core/kinds.ts";
import type { Clock } from "../core/ports.ts";
import { costOf } from "../core/prices.ts";
import { reasonOf } from "../core/reasons.ts";
import { beaten, discarded, outcomeError } from "../core/signals.ts";
import { isUnsent } from "../core/unsent.ts";
import { begun, observe, type Outcome } from "../core/stream.ts";
import type { Ledger } from "../core/books.ts";
import type { DisconnectPolicy, Price } from "../core/upstreams.ts";
import type { Kind, Layer } from "../core/work.ts";

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
    return function recorded(request, context) {
      return begun(() => {
        const attempt = new Attempt(options, context, kind);
        return observe(() => next(request, { ...context, onAsked: () => (attempt.asked(), context.onAsked?.()) }), {
          event: (event) => attempt.see(event),
          end: (outcome) =>
            isOfNothing(outcome)
              ? undefined
              : attempt.end(outcome, kind.operation === chatKind.operation ? kind.chatOf(request) : undefined),
        });
      });
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

type Seen<Event> = Pick<Kind<never, Event>, "operation" | "usageOf" | "charactersOf" | "isContent">;

/** What is known of one attempt. */
class Attempt<Event> {
  readonly #options: LedgerOptions;
  readonly #context: CallContext;
  readonly #kind: Seen<Event>;
  readonly #number: number;
  readonly #startMs: number;
  #isAsked = false;
  #firstContentMs: number | undefined;
  #characters = 0;
  #usage: Usage | undefined;

  constructor(options: LedgerOptions, context: CallContext, kind: Seen<Event>) {
    this.#options = options;
    this.#context = context;
    this.#kind = kind;
    this.#number = context.record.attempts;
    this.#startMs = options.clock.now();
  }

  asked(): void {
    this.#isAsked = true;
  }

  see(event: Event): void {
    if (this.#firstContentMs === undefined && this.#kind.isContent(event)) this.#firstContentMs = this.#options.clock.now() - this.#startMs;
    const characters = this.#kind.charactersOf(event);
    if (characters > 0) this.#characters += characters;
    else this.#usage = this.#kind.usageOf(event) ?? this.#usage;
  }

  end(how: Outcome, chat: ChatRequest | undefined): void {
    const { clock, ledger: books, provider, model, key, takesCallerKeys, price, priceVersion } = this.#options;
    const { requestId, caller, signal, upstreamKey } = this.#context;
    const isCallersKey = takesCallerKeys && upstreamKey !== undefined;
    const outcome = outcomeOf(how, signal);
    const usage = this.#usage ?? (chat && this.#estimate(chat, outcome));
    books.record({
      requestId,
      operation: this.#kind.operation,
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
  #estimate(chat: ChatRequest, outcome: string): Usage | undefined {
    if (outcome === "ok") return estimatedUsage(estimatedPromptTokens(chat), this.#characters);
    if (this.#options.policy === "none") return undefined;
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
