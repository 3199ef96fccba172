import { invalidField } from "../../core/reasons.ts";

const secondsOf: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** The longest that a load takes, seconds. */
const longest = 2_147_483;

const piece = /(\d{1,10}(?:\.\d{0,9})?)(ns|us|µs|ms|s|m|h)/y;

/** What `keep_alive` says, seconds; below 0: for ever. It is a number of them, or a time such as "5m" or "1h30m0s". Throws `invalid_request`. */
export function keepAliveAt(value: unknown, path: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const seconds = typeof value === "string" ? secondsIn(value) : undefined;
  if (seconds === undefined) throw invalidField(path, `is neither a number of seconds nor a time such as "5m"`);
  return seconds;
}

/** For how long a load says that a model stays, whole seconds; 0: until it is unloaded, as a time below 0 is here. */
export function staySeconds(keepAlive: number): number {
  return keepAlive < 0 ? 0 : Math.min(Math.max(1, Math.ceil(keepAlive)), longest);
}

function secondsIn(text: string): number | undefined {
  if (/^[-+]?\d{1,10}$/.test(text)) return Number(text);
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[-+]/, "");
  let sum = 0;
  for (let at = 0; at < body.length; at = piece.lastIndex) {
    piece.lastIndex = at;
    const [, count, unit = ""] = piece.exec(body) ?? [];
    if (count === undefined) return undefined;
    sum += Number(count) * (secondsOf[unit] ?? 0);
  }
  return body === "" ? undefined : sign * sum;
}
