import type { ChatEvent, ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../core/context.ts";
import { progress, started, text } from "../core/events.ts";
import type { Clock } from "../core/ports.ts";
import { fault, type FaultOptions, type Reason } from "../core/reasons.ts";
import { untilAborted } from "../core/signals.ts";
import type { Target } from "../core/targets.ts";
import type { Kind, Work } from "../core/work.ts";
import { answer } from "./answers.ts";
import type { FakeClock } from "./fake-clock.ts";
import { plainTarget } from "./plain-target.ts";

/** What a scripted target does with one attempt. */
export type Play =
  | "ok"
  /** Tells progress before it answers. */
  | "progress"
  /** Says nothing until it is aborted. */
  | "silent"
  /** Says nothing until it is aborted, and is not even asked. */
  | "queued"
  /** Ends without having said anything. */
  | "empty"
  /** Breaks off after its first word. */
  | "cut"
  /** Answers after so many ms. */
  | { readonly afterMs: number; readonly tellsProgress?: boolean }
  /** Fails before it has started, at once or after so many ms. */
  | { readonly fails: Reason; readonly says?: FaultOptions; readonly inMs?: number };

/** An attempt that was made. */
export interface Played {
  readonly target: string;
  readonly atMs: number;
  /** Which of its call, from 1. */
  readonly attempt: number;
  /** When it may be asked again, as it said. */
  readonly notBeforeMs: number | undefined;
  readonly request: ChatRequest;
  readonly context: CallContext;
}

/** What all scripted targets of a test write down. */
export interface Score {
  readonly attempts: Played[];
  /** Streams that are being read. */
  running: number;
  /** Streams that were ended, by their end, a failure or their reader. */
  ended: number;
}

/** An empty score. */
export function newScore(): Score {
  return { attempts: [], running: 0, ended: 0 };
}

/** A target that plays one script after the other, the last for ever. */
export function scriptedTarget(
  plays: readonly Play[],
  { clock, score, ...given }: { readonly clock: Clock; readonly score: Score } & Partial<Target>,
): Target {
  const { provider = "p", model = "m", key = 0 } = given;
  let count = 0;
  async function* work(request: ChatRequest, context: CallContext): AsyncGenerator<ChatEvent, void, undefined> {
    const play = plays[Math.min(count++, plays.length - 1)] ?? "ok";
    score.attempts.push({
      ...{ request, context, attempt: context.record.attempts, notBeforeMs: pauseOf(play, clock) },
      target: key === 0 ? provider : `${provider}${key}`,
      atMs: clock.now(),
    });
    score.running++;
    if (play !== "queued") context.record.asked = context.record.attempts;
    try {
      yield* played(play, { clock, context, provider, model });
    } finally {
      score.running--;
      score.ended++;
    }
  }
  return plainTarget({
    ...{ provider, model, fields: {} },
    workOf: <Request, Event>(kind: Kind<Request, Event>) =>
      kind.operation === "chat" ? (work as unknown as Work<Request, Event>) : undefined,
    ...given,
  });
}

async function* played(play: Play, act: Act): AsyncGenerator<ChatEvent, void, undefined> {
  if (typeof play === "object") yield* timed(play, act);
  else yield* scenes[play](act);
}

interface Act {
  readonly clock: Clock;
  readonly context: CallContext;
  readonly provider: string;
  readonly model: string;
}

const scenes: Readonly<Record<Extract<Play, string>, (act: Act) => AsyncGenerator<ChatEvent, void, undefined>>> = {
  async *ok({ provider, model }) {
    yield* answer(["ok"], { provider, model });
  },
  async *progress({ provider, model }) {
    yield progress({ queuePosition: 1 });
    yield* answer(["ok"], { provider, model });
  },
  silent: untilTheEnd,
  queued: untilTheEnd,
  async *empty() {},
  async *cut({ provider, model }) {
    yield started(provider, model);
    yield text(0, "half");
    throw fault("provider_truncated", `${provider} broke off`, { provider });
  },
};

// oxlint-disable-next-line require-yield
async function* untilTheEnd({ context }: Act): AsyncGenerator<ChatEvent, void, undefined> {
  await untilAborted(new Promise<never>(() => {}), context.signal);
}

async function* timed(play: Extract<Play, object>, act: Act): AsyncGenerator<ChatEvent, void, undefined> {
  const { clock, context, provider } = act;
  const wait = (ms: number) => untilAborted(new Promise<void>((resolve) => void clock.after(ms, resolve)), context.signal);
  if ("fails" in play) {
    if (play.inMs !== undefined) await wait(play.inMs);
    throw fault(play.fails, `${provider} fails: ${play.fails}`, { provider, ...play.says });
  }
  if (play.tellsProgress === true) yield progress({ queuePosition: 1 });
  await wait(play.afterMs);
  yield* scenes.ok(act);
}

/** A play that asks for a pause fails at once. */
function pauseOf(play: Play, clock: Clock): number | undefined {
  const pauseMs = typeof play === "object" && "fails" in play ? play.says?.retryAfterMs : undefined;
  return pauseMs === undefined ? undefined : clock.now() + pauseMs;
}

/** Lets time pass, 10 ms at a time, until a promise has settled. */
export async function whileTimePasses<Value>(clock: FakeClock, promise: Promise<Value>, mostMs = 600_000): Promise<Value> {
  const state = { isSettled: false };
  const settle = () => void (state.isSettled = true);
  promise.then(settle, settle);
  for (let ms = 0; ms < mostMs; ms += 10) {
    for (let turn = 0; turn < 3 && !state.isSettled; turn++) await new Promise(setImmediate);
    if (state.isSettled) return promise;
    clock.advance(10);
  }
  throw new Error(`nothing came within ${mostMs} ms`);
}
