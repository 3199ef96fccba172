import type { ConnectError } from "@connectrpc/connect";
import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { Splice } from "../../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { Clock, Log } from "../../core/ports.ts";
import { asFault, reasonOf } from "../../core/reasons.ts";
import type { TargetName } from "../../core/route-observer.ts";
import { discarded, linkSignal, throwIfAborted } from "../../core/signals.ts";
import type { Stop } from "../../core/targets.ts";
import { gaveUp, isBreak, unended } from "./failure.ts";
import type { Told } from "./told.ts";
import { wholeOf } from "./totals.ts";
import { waysOn, type Way } from "./ways.ts";
import type { Run, RunScope } from "../run.ts";

/** What became of an attempt to go on with an answer: `continued` from its text, `restarted` and the same, `differs` (other words came), or `failed`. */
export type RescueOutcome = "continued" | "restarted" | "differs" | "failed";

/** What rescue needs. */
export interface RescueOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of each attempt to go on, with the target whose answer had broken off. */
  readonly onRescue?: ((broken: TargetName, outcome: RescueOutcome) => void) | undefined;
}

/** An answer that broke off. */
export interface Rescue extends RescueOptions {
  readonly run: Run<ChatRequest, ChatEvent>;
  readonly request: ChatRequest;
  /** Its signal is aborted too when the client leaves while the answer is gone on with. */
  readonly context: CallContext;
  readonly scope: RunScope;
  /** How often it may be gone on with. */
  readonly attempts: number;
  readonly told: Told;
  /** The stop whose answer broke off. */
  readonly serving: Stop;
  /** Instant of the first content, ms since the epoch. */
  readonly firstContentMs: number;
}

/** How an attempt to go on ended. */
type End =
  | { readonly type: "whole" }
  | { readonly type: "differs" }
  | { readonly type: "failed"; readonly error: unknown; readonly serving: Stop | undefined };

/** The rest of an answer that broke off with `first`. Throws the error of the break, with why nobody went on, when no attempt brings it to its end. */
export async function* goOn(rescue: Rescue, first: ConnectError, release: () => void): AsyncGenerator<ChatEvent, void, undefined> {
  const { told, attempts, context } = rescue;
  const splices: Splice[] = [];
  let [error, serving, why] = [first, rescue.serving, "there is no target to go on with"];
  let ways = waysOn(rescue, serving);
  try {
    for (let attempt = 0; attempt < attempts; attempt++) {
      throwIfAborted(context.signal);
      const way = nextOf(ways, attempt === attempts - 1);
      if (way === undefined) break;
      const end = yield* attempted({ rescue, way, splices });
      report(rescue, { way, end, error, serving });
      if (end.type === "whole") return;
      if (end.type === "differs") {
        if (!way.isTentative) throw gaveUp(error, "begun anew, it came in other words");
        continue;
      }
      throwIfAborted(context.signal);
      if (end.serving === undefined) {
        why = asFault(end.error).rawMessage;
        continue;
      }
      // it went on and broke off again
      if (!isBreak(end.error)) throw end.error;
      [error, serving, why] = [end.error, end.serving, `that was attempt ${attempt + 1} of ${attempts} to go on`];
      const obstacle = told.obstacle();
      if (obstacle !== undefined) throw gaveUp(error, obstacle);
      ways = waysOn(rescue, serving);
    }
    throw gaveUp(error, why);
  } finally {
    if (!told.hasEnded()) context.record.target = serving.target; // whose words the client has
    release();
  }
}

/** The best way that is left. The last attempt is none to be tried out: what follows on that is surer. */
function nextOf(ways: Way[], isLast: boolean): Way | undefined {
  const index = isLast
    ? Math.max(
        0,
        ways.findIndex(({ isTentative }) => !isTentative),
      )
    : 0;
  return ways.splice(0, index + 1).at(-1);
}

interface Attempt {
  readonly rescue: Rescue;
  readonly way: Way;
  readonly splices: Splice[];
}

async function* attempted({ rescue, way, splices }: Attempt): AsyncGenerator<ChatEvent, End, undefined> {
  const { run, context, told, scope } = rescue;
  let serving: Stop | undefined;
  const onServing = (stop: Stop) => (serving = stop);
  const join = way.join();
  const link = linkSignal(context.signal);
  told.forget();
  try {
    for await (const event of run(
      way.request,
      { ...context, signal: link.signal },
      { ...scope, accepts: way.accepts, isContinuation: true, onServing },
    )) {
      if (event.event.case === "started") addSplice(splices, { ...event.event.value, offset: told.length() });
      const joined = join(event);
      if (joined === "differs") {
        link.abort(discarded);
        return { type: "differs" };
      }
      if (joined === "nothing") continue;
      for (const each of Array.isArray(joined) ? joined : [joined]) {
        const now = told.take(wholeOf(each, { ...rescue, way, splices }));
        if (now !== undefined) yield now;
        yield* told.ready.splice(0);
      }
    }
  } catch (error) {
    return { type: "failed", error, serving };
  } finally {
    link.release();
  }
  return told.hasEnded() ? { type: "whole" } : { type: "failed", error: unended(), serving };
}

/** An attempt that told nothing new leaves no splice behind. */
function addSplice(splices: Splice[], { offset, provider, model }: Pick<Splice, "offset" | "provider" | "model">): void {
  if (splices.at(-1)?.offset === offset) splices.pop();
  splices.push({ $typeName: "parley.v1.Splice", choice: 0, offset, provider, model });
}

interface Reported {
  readonly way: Way;
  readonly end: End;
  /** The break before it. */
  readonly error: ConnectError;
  readonly serving: Stop;
}

function report({ log, onRescue, context, told }: Rescue, { way, end, error, serving }: Reported): void {
  const { provider, model } = serving.target;
  const outcome = end.type === "whole" ? way.name : end.type;
  onRescue?.(serving.target, outcome);
  const facts = { requestId: context.requestId, provider, model, reason: reasonOf(error), outcome, sentCharacters: told.length() };
  log.warn("an attempt to go on with an answer that broke off", facts);
}
