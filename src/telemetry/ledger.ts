import type { Log } from "../core/ports.ts";
import type { AttemptRecord, Ledger } from "../core/books.ts";
import { sourceName } from "./attempt-metrics.ts";

/** What the books are kept with. */
export interface LedgerSinks {
  readonly log: Log;
  readonly count: (attempt: AttemptRecord) => void;
  /** Whether the log is wanted at `debug`: making a line costs more than the rest of the record. */
  readonly isDebugging: boolean;
}

/** Keeps the books: a count in the metrics and a line in the log for each attempt, at `info` when it failed or cost something without an answer, else at `debug`. Never holds content. */
export function keptLedger({ log, count, isDebugging }: LedgerSinks): Ledger {
  return {
    record(attempt) {
      count(attempt);
      const { outcome, usage } = attempt;
      const isWorthTelling = outcome !== "ok" && (usage !== undefined || (outcome !== "left" && outcome !== "lost"));
      if (isWorthTelling) log.info("attempt", factsOf(attempt));
      else if (isDebugging) log.debug("attempt", factsOf(attempt));
    },
  };
}

function factsOf({
  usage,
  cost,
  priceVersion,
  durationMs,
  firstContentMs,
  isCallersKey,
  ...facts
}: AttemptRecord): Readonly<Record<string, unknown>> {
  return {
    ...facts,
    ...(isCallersKey && { isCallersKey }),
    durationMs: round(durationMs),
    ...(firstContentMs !== undefined && { firstContentMs: round(firstContentMs) }),
    ...(usage !== undefined && tokensOf(usage)),
    ...(cost !== undefined && { cost, priceVersion }),
  };
}

function tokensOf(usage: NonNullable<AttemptRecord["usage"]>): Readonly<Record<string, number | string>> {
  const { promptTokens, completionTokens, cachedTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    ...{ promptTokens, completionTokens, usage: sourceName(usage) },
    ...(cachedTokens !== undefined && { cachedTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
