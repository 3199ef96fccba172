import { expect, it } from "vitest";
import { retryAfterMs, type AnswerHeaders } from "./retry-after.ts";

const nowMs = Date.parse("2026-11-21T17:00:00Z");
const year = 366 * 24 * 60 * 60 * 1000;

const cases: readonly (readonly [string, AnswerHeaders, number | undefined])[] = [
  ["seconds", { "retry-after": "3" }, 3000],
  ["seconds with a fraction", { "retry-after": "0.25" }, 250],
  ["milliseconds, which are more exact than the seconds beside them", { "retry-after-ms": "1234.5", "retry-after": "2" }, 1235],
  ["milliseconds and more seconds, of which the longer holds", { "retry-after-ms": "100", "retry-after": "30" }, 30_000],
  ["more milliseconds than seconds", { "retry-after-ms": "5000", "retry-after": "2" }, 5000],
  ["milliseconds beside the one second that is the least", { "retry-after-ms": "100", "retry-after": "1" }, 100],
  ["a date of a clock that is behind", { "retry-after": "Sat, 21 Nov 2026 16:01:30 GMT", date: "Sat, 21 Nov 2026 16:01:00 GMT" }, 30_000],
  ["a date of a clock that is ahead", { "retry-after": "Sat, 21 Nov 2026 18:00:30 GMT", date: "Sat, 21 Nov 2026 18:00:00 GMT" }, 3_630_000],
  ["a date beside another that is none", { "retry-after": "Sat, 21 Nov 2026 17:00:30 GMT", date: "today" }, 30_000],
  ["a date", { "retry-after": "Sat, 21 Nov 2026 17:01:30 GMT" }, 90_000],
  ["a date that has passed", { "retry-after": "Sat, 21 Nov 2026 16:00:00 GMT" }, 0],
  ["nothing", {}, undefined],
  ["words", { "retry-after": "later" }, undefined],
  ["an empty text", { "retry-after": "" }, undefined],
  ["a negative number", { "retry-after-ms": "-5" }, undefined],
  ["several times, of which the first holds", { "retry-after": ["4", "9"] }, 4000],
  ["an age, which is cut to a year", { "retry-after": "999999999999" }, year],
];

it.each(cases)("a time to wait that is said as %s is understood", (_, headers, expected) => {
  expect(retryAfterMs(headers, nowMs)).toBe(expected);
});
