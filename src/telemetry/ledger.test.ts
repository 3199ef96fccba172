import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { UsageSource, type Usage } from "../../gen/parley/v1/usage_pb.ts";
import type { AttemptRecord } from "../core/books.ts";
import { recordingLog } from "../testing/recording-log.ts";
import { attemptMetrics } from "./attempt-metrics.ts";
import { keptLedger } from "./ledger.ts";

const usage = (source: UsageSource, more: Partial<Usage> = {}): Usage => ({
  ...{ $typeName: "parley.v1.Usage", promptTokens: 100, completionTokens: 10, source },
  ...more,
});
const attempt = (given: Partial<AttemptRecord> = {}): AttemptRecord => ({
  ...{ requestId: "request-1", operation: "chat", tenant: "t", keyId: "k", provider: "p", model: "m", key: 1, attempt: 1 },
  ...{ isCallersKey: false, outcome: "ok", usage: usage(UsageSource.PROVIDER), cost: 0.25, priceVersion: "v1" },
  ...{ durationMs: 12.3456, firstContentMs: 4 },
  ...given,
});
const open = (isDebugging = true) => {
  const registry = new Registry();
  const { log, lines } = recordingLog();
  const books = keptLedger({ log, count: attemptMetrics(registry), isDebugging });
  return { books, lines, text: () => registry.metrics() };
};

describe("the books", () => {
  it("count attempts, their tokens and their cost by target", async () => {
    const { books, text } = open();
    books.record(attempt({ usage: usage(UsageSource.PROVIDER, { cachedTokens: 40, cacheWriteTokens: 3, reasoningTokens: 4 }) }));
    books.record(attempt());
    books.record(attempt({ outcome: "lost", usage: usage(UsageSource.PARTIAL), cost: 0.5 }));
    books.record(attempt({ outcome: "provider_error", usage: undefined, cost: undefined }));
    books.record(attempt({ isCallersKey: true, provider: "q", cost: 9 }));
    const page = await text();
    for (const line of [
      'llm_attempts_total{provider="p",model="m",outcome="ok"} 2',
      'llm_attempts_total{provider="p",model="m",outcome="lost"} 1',
      'llm_attempts_total{provider="p",model="m",outcome="provider_error"} 1',
      'llm_attempt_tokens_total{provider="p",model="m",type="prompt",source="provider"} 200',
      'llm_attempt_tokens_total{provider="p",model="m",type="completion",source="partial"} 10',
      'llm_attempt_tokens_total{provider="p",model="m",type="cached",source="provider"} 40',
      'llm_attempt_tokens_total{provider="p",model="m",type="cache_write",source="provider"} 3',
      'llm_attempt_tokens_total{provider="p",model="m",type="reasoning",source="provider"} 4',
      'llm_cost_total{provider="p",model="m"} 1',
    ])
      expect(page.split("\n")).toContain(line);
    expect(page).not.toContain('llm_cost_total{provider="q"');
  });

  it.each([
    ["what went well, at debug", {}, "debug"],
    ["what failed, at info", { outcome: "provider_error", usage: undefined, cost: undefined }, "info"],
    ["what cost something without an answer, at info", { outcome: "lost", usage: usage(UsageSource.PARTIAL) }, "info"],
    ["what its caller left for nothing, at debug", { outcome: "left", usage: undefined, cost: undefined }, "debug"],
  ] as const)("tell %s", (_, given, level) => {
    const { books, lines } = open();
    books.record(attempt(given));
    expect(lines.map((line) => [line.level, line.message])).toEqual([[level, "attempt"]]);
  });

  it("tell tokens, who counted them, and the cost with its version", () => {
    const { books, lines } = open();
    books.record(attempt({ outcome: "lost", usage: usage(UsageSource.PARTIAL) }));
    expect(lines[0]?.facts).toEqual({
      ...{ requestId: "request-1", operation: "chat", tenant: "t", keyId: "k", provider: "p", model: "m", key: 1, attempt: 1 },
      ...{ outcome: "lost", durationMs: 12.35, firstContentMs: 4, promptTokens: 100, completionTokens: 10, usage: "partial" },
      ...{ cost: 0.25, priceVersion: "v1" },
    });
  });

  it("make no line that nobody reads", () => {
    const { books, lines } = open(false);
    books.record(attempt());
    books.record(attempt({ outcome: "provider_error" }));
    expect(lines.map(({ level }) => level)).toEqual(["info"]);
  });
});
