/** Headers of an answer, names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** No upstream is heeded beyond a year: what says more says never. */
const longestMs = 366 * 24 * 60 * 60 * 1000;

/** How long an upstream wants to be left alone, ms: said in milliseconds (`retry-after-ms`), in seconds, or as a date. Undefined: it does not say, or not so that anybody could understand it. */
export function retryAfterMs(headers: AnswerHeaders, nowMs: number): number | undefined {
  const exact = numberOf(headers["retry-after-ms"]);
  if (exact !== undefined) return bounded(exact);
  const seconds = numberOf(headers["retry-after"]);
  if (seconds !== undefined) return bounded(seconds * 1000);
  const instant = Date.parse(first(headers["retry-after"]) ?? "");
  return Number.isNaN(instant) ? undefined : bounded(instant - nowMs);
}

/** Digits alone, with a fraction at most: `Number` would read an empty text as 0, and `Date.parse` a bare number as a year. */
function numberOf(value: AnswerHeaders[string]): number | undefined {
  const text = first(value)?.trim() ?? "";
  return /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
}

function first(value: AnswerHeaders[string]): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

function bounded(ms: number): number {
  return Math.min(longestMs, Math.max(0, Math.ceil(ms)));
}
