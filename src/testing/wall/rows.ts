import type { Fault, RefusalCause, Turn } from "../upstream/turn.ts";
import { breaks, ends, mostLimited, movesOn, served, type Outcomes, type HttpRow } from "./cells.ts";

// Streams break before their first content (frame 0), or after some of it. How many frames come before content is each format's own; after 6 of them each has said some.

/** The text of an answer that is long enough to break. */
const words = Array.from({ length: 12 }, (_, index) => `${index} `);
/** Frames after which every format has said some words, and none all. */
const some = 8;

const broken = (fault: Fault): readonly Turn[] => [{ answer: { text: words }, fault }];
const refused = (cause: RefusalCause, headers?: Readonly<Record<string, string>>): readonly Turn[] => [
  { fault: { is: "refusal", cause, ...(headers !== undefined && { headers }) } },
];
/** The same for whoever reads as it comes and whoever does not. */
const both = (outcomes: Outcomes) => ({ stream: outcomes, unary: outcomes });

/** HTTP says that the body is whole, and it is no JSON. */
const halfJson = movesOn("provider_malformed");

// Ollama says an error inside of a success in words alone: what kind it is, is not told.

/** It answered: one failure is tried again where it was. */
const again = (reason: "provider_error" | "provider_unavailable") => both(movesOn(reason, { alone: 2 }));
/** Its next answer is good, but another that is there goes first. */
const servedLater: Outcomes = { alone: { asked: 2 }, paired: { asked: 1, isFallback: true } };
/** It did not answer: another goes first. */
const elsewhere = (reason: "provider_unavailable" | "provider_truncated") => movesOn(reason, { alone: 2, paired: 1 });

const refusals: readonly HttpRow[] = [
  { name: "wrong-key", turns: refused("wrong-key"), ...both(movesOn("provider_credentials")) },
  { name: "forbidden", turns: refused("forbidden"), ...both(movesOn("provider_credentials")) },
  { name: "gated", turns: refused("gated"), ...both(movesOn("provider_credentials")) },
  { name: "no-quota", turns: refused("no-quota"), ...both(movesOn("provider_rate_limited")) },
  { name: "unknown-model", turns: refused("unknown-model"), ...both(movesOn("model_not_found")) },
  { name: "too-large", turns: refused("too-large"), ...both(movesOn("context_length_exceeded")) },
  { name: "context-length", turns: refused("context-length"), ...both(movesOn("context_length_exceeded")) },
  { name: "content-filter", turns: refused("content-filter"), ...both(ends("content_filtered")) },
  { name: "invalid", turns: refused("invalid"), ...both(ends("invalid_request")) },
  { name: "500-for-ever", turns: refused("server-error"), ...again("provider_error") },
  { name: "503-for-ever", turns: refused("unavailable"), ...again("provider_unavailable") },
  { name: "overloaded", turns: refused("overloaded"), ...again("provider_unavailable") },
  { name: "503-once", turns: [...refused("unavailable"), {}], ...both(served(2)) },
  // Without another key it is asked again, with backoff, as often as a call may ask at all.
  { name: "429-bare", turns: refused("rate-limited"), ...both(movesOn("provider_rate_limited", { alone: mostLimited, paired: 1 })) },
  { name: "429-once", turns: [...refused("rate-limited", { "retry-after-ms": "20" }), {}], ...both(servedLater) },
  {
    name: "429-seconds",
    turns: refused("rate-limited", { "retry-after": "30" }),
    ...both(movesOn("provider_rate_limited", { tellsWhen: true })),
  },
  {
    name: "429-milliseconds",
    turns: refused("rate-limited", { "retry-after-ms": "30000" }),
    ...both(movesOn("provider_rate_limited", { tellsWhen: true })),
  },
  {
    name: "429-date",
    turns: refused("rate-limited", { "retry-after": new Date(Date.now() + 60_000).toUTCString() }),
    ...both(movesOn("provider_rate_limited", { tellsWhen: true })),
  },
  {
    name: "redirect",
    turns: broken({ is: "redirect", to: "http://127.0.0.1:1/v1/chat/completions" }),
    ...both(movesOn("provider_malformed")),
  },
];

const early: readonly HttpRow[] = [
  { name: "away", turns: [], isAway: true, ...both(movesOn("provider_unavailable", { alone: 2, paired: 1 })) },
  { name: "no-headers", turns: broken({ is: "no-headers" }), silence: "early", ...both(movesOn("provider_timeout")) },
  { name: "no-body", turns: broken({ is: "no-body" }), silence: "early", ...both(movesOn("provider_timeout")) },
  {
    name: "comments-for-ever",
    turns: broken({ is: "endless-comments", after: 0 }),
    silence: "early",
    ...both(movesOn("provider_timeout")),
  },
  { name: "reset-at-once", turns: broken({ is: "reset", after: "nothing" }), ...both(elsewhere("provider_unavailable")) },
  { name: "reset-in-headers", turns: broken({ is: "reset", after: "half-headers" }), ...both(elsewhere("provider_unavailable")) },
  {
    name: "flapping",
    turns: [...broken({ is: "reset", after: "nothing" }), {}],
    ...both(servedLater),
  },
  { name: "cut-before-content", turns: broken({ is: "cut", after: 0 }), stream: elsewhere("provider_truncated"), unary: halfJson },
  { name: "empty", turns: broken({ is: "empty" }), stream: elsewhere("provider_truncated"), unary: halfJson },
  { name: "html", turns: broken({ is: "html" }), ...both(movesOn("provider_malformed")) },
  {
    name: "garbage-frame",
    turns: broken({ is: "garbage", after: 0, frame: 'data: {"oops\n\n' }),
    ...both(movesOn("provider_malformed")),
  },
  { name: "error-inside-json", turns: broken({ is: "error-inside", cause: "server-error", asJson: true }), ...again("provider_error") },
  { name: "error-inside-first-frame", turns: broken({ is: "error-inside", cause: "server-error", after: 0 }), ...again("provider_error") },
  { name: "page-502", turns: broken({ is: "html", status: 502 }), ...again("provider_error") },
  {
    // A wrong address.
    name: "page-404",
    turns: broken({ is: "html", status: 404 }),
    ...both(movesOn("provider_malformed")),
  },
  { name: "empty-500", turns: broken({ is: "empty", status: 500 }), ...again("provider_error") },
  {
    name: "limit-inside-first-frame",
    turns: broken({ is: "error-inside", cause: "rate-limited", after: 0 }),
    ...both(movesOn("provider_rate_limited", { alone: mostLimited, paired: 1 })),
    but: { ollama: again("provider_error") },
  },
  {
    name: "refusal-inside-first-frame",
    turns: broken({ is: "error-inside", cause: "invalid", after: 0 }),
    ...both(ends("invalid_request")),
    but: { ollama: again("provider_error") },
  },
  { name: "huge-first-line", turns: broken({ is: "huge-line", after: 0, bytes: 400_000 }), ...both(movesOn("provider_malformed")) },
];

const late: readonly HttpRow[] = [
  {
    name: "stall",
    turns: broken({ is: "stall", after: some }),
    silence: "late",
    stream: breaks("provider_timeout"),
    unary: movesOn("provider_timeout"),
  },
  {
    name: "comments-after-content",
    turns: broken({ is: "endless-comments", after: some }),
    silence: "late",
    stream: breaks("provider_timeout"),
    unary: movesOn("provider_timeout"),
  },
  {
    name: "reset-in-stream",
    turns: broken({ is: "reset", after: some }),
    stream: breaks("provider_truncated"),
    unary: elsewhere("provider_truncated"),
  },
  {
    name: "closed-in-stream",
    turns: broken({ is: "cut", after: some, isAbrupt: true }),
    stream: breaks("provider_truncated"),
    unary: elsewhere("provider_truncated"),
  },
  {
    name: "cut-between-frames",
    turns: broken({ is: "cut", after: some }),
    stream: breaks("provider_truncated"),
    unary: halfJson,
  },
  {
    name: "cut-in-frame",
    turns: broken({ is: "cut", after: some, isInside: true }),
    stream: breaks("provider_truncated"),
    unary: halfJson,
  },
  { name: "no-finish", turns: broken({ is: "no-finish" }), stream: breaks("provider_truncated"), unary: served() },
  {
    name: "no-end-mark",
    turns: broken({ is: "no-end-mark" }),
    ...both(served()),
    // Its last line says why it ended, too.
    but: { ollama: { stream: breaks("provider_truncated") } },
  },
  {
    name: "garbage-in-stream",
    turns: broken({ is: "garbage", after: some, frame: 'data: {"oops\n\n' }),
    stream: breaks("provider_malformed"),
    unary: movesOn("provider_malformed"),
  },
  {
    name: "error-in-stream",
    turns: broken({ is: "error-inside", cause: "server-error", after: some }),
    stream: breaks("provider_error"),
    unary: movesOn("provider_error", { alone: 2 }),
  },
  {
    name: "huge-line-in-stream",
    turns: broken({ is: "huge-line", after: some, bytes: 400_000 }),
    stream: breaks("provider_malformed"),
    unary: movesOn("provider_malformed"),
  },
  {
    name: "limit-in-stream",
    turns: broken({ is: "error-inside", cause: "rate-limited", after: some }),
    stream: breaks("provider_rate_limited"),
    unary: movesOn("provider_rate_limited", { alone: mostLimited, paired: 1 }),
    but: { ollama: { stream: breaks("provider_error"), unary: movesOn("provider_error", { alone: 2 }) } },
  },
];

const odd: readonly HttpRow[] = [
  { name: "slow-drip", turns: [{ isDripped: true }], ...both(served()) },
  { name: "gzip", turns: [{ encoding: "gzip" }], ...both(served()) },
  { name: "brotli", turns: [{ encoding: "br" }], ...both(served()) },
  { name: "gzip-drip", turns: [{ encoding: "gzip", isDripped: true }], ...both(served()) },
  { name: "blank-lines-first", turns: [{ prefix: "\n\n\n" }], ...both(served()) },
  {
    name: "comments-between",
    turns: [{ between: ": keep-alive\n\n" }],
    ...both(served()),
    unary: served(),
    dialects: ["openai", "anthropic"],
  },
  { name: "no-usage", turns: [{ answer: { usage: "absent" } }], ...both(served()) },
];

const all: readonly HttpRow[] = [...refusals, ...early, ...late, ...odd];

/** Every fault that shows at once. */
export const promptRows: readonly HttpRow[] = all.filter(({ silence }) => silence === undefined);

/** Every fault that shows when a limit has passed. */
export const silentRows: readonly HttpRow[] = all.filter(({ silence }) => silence !== undefined);
