import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import { retryAfterMs, type AnswerHeaders } from "../../retry-after.ts";

/** When a refusal allows the next request, ms: by Retry-After in its forms, else by when a spent limit is full again, else by what the body tells. */
export function waitMs(headers: AnswerHeaders, rest: JsonObject | undefined, nowMs: number): number | undefined {
  return retryAfterMs(headers, nowMs) ?? resetMs(headers, nowMs) ?? toldMs(rest, nowMs);
}

/** OpenAI counts requests and tokens apart; what is spent decides, and of several the last. */
function resetMs(headers: AnswerHeaders, nowMs: number): number | undefined {
  const waits = ["-requests", "-tokens"].flatMap((what) => {
    const left = textOf(headers[`x-ratelimit-remaining${what}`]);
    const wait = durationMs(textOf(headers[`x-ratelimit-reset${what}`]));
    return wait === undefined || (left !== "" && left !== "0") ? [] : [wait];
  });
  return waits.length > 0 ? Math.max(...waits) : untilMs(textOf(headers["x-ratelimit-reset"]), nowMs);
}

/** OpenRouter's headers of whom it asked itself, and how long Hugging Face thinks that loading a model takes. */
function toldMs(rest: JsonObject | undefined, nowMs: number): number | undefined {
  const seconds = rest?.["estimated_time"];
  if (typeof seconds === "number" && seconds >= 0 && seconds <= mostSeconds) return Math.ceil(seconds * 1000);
  const metadata = rest?.["metadata"];
  const told = isJsonObject(metadata) ? metadata["headers"] : undefined;
  if (!isJsonObject(told)) return undefined;
  const headers = Object.fromEntries(
    Object.entries(told).flatMap(([name, value]) => (typeof value === "string" ? [[name.toLowerCase(), value]] : [])),
  );
  return retryAfterMs(headers, nowMs) ?? resetMs(headers, nowMs);
}

const mostSeconds = 366 * 24 * 60 * 60;
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Durations as OpenAI writes them: `1s`, `6m0s`, `20ms`, `1h2m3.5s`. */
function durationMs(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) total += Number(amount) * (unitMs[unit] ?? 0);
  return Math.min(mostSeconds * 1000, Math.ceil(total));
}

/** An instant in ms or s since the epoch, as OpenRouter and others write it. */
function untilMs(text: string, nowMs: number): number | undefined {
  if (!/^\d{10}(?:\d{3})?$/.test(text)) return durationMs(text);
  return Math.max(0, Math.ceil((text.length === 10 ? Number(text) * 1000 : Number(text)) - nowMs));
}

function textOf(value: AnswerHeaders[string]): string {
  return (typeof value === "string" ? value : (value?.[0] ?? "")).trim();
}
