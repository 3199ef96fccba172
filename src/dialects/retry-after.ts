/** Headers of an answer, names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** No upstream is heeded beyond a year: what says more says never. */
const longestMs = 366 * 24 * 60 * 60 * 1000;

/** How long an upstream wants to be left alone, ms: said in milliseconds (`retry-after-ms`), in seconds, or as a date. Of two that say different times the longer holds. Undefined: it does not say, or not so that anybody could understand it. */
export function retryAfterMs(headers: AnswerHeaders, nowMs: number): number | undefined {
  const exact = numberOf(headers["retry-after-ms"]);
  const rough = roughMs(headers, nowMs);
  if (exact === undefined) return rough === undefined ? undefined : bounded(rough);
  const isRounded = rough === undefined || rough === Math.max(1, Math.ceil(exact / 1000)) * 1000; // the same, as whole seconds can say it
  return bounded(isRounded ? exact : Math.max(exact, rough));
}

/** In seconds, or until a date: by the upstream's own clock where that is behind ours. */
function roughMs(headers: AnswerHeaders, nowMs: number): number | undefined {
  const seconds = numberOf(headers["retry-after"]);
  if (seconds !== undefined) return seconds * 1000;
  const instant = Date.parse(first(headers["retry-after"]) ?? "");
  const theirsMs = Date.parse(first(headers["date"]) ?? "");
  return Number.isNaN(instant) ? undefined : instant - Math.min(nowMs, Number.isNaN(theirsMs) ? nowMs : theirsMs);
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
