import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { estimatedTokens } from "../../core/estimate.ts";
import type { Stop } from "../../core/targets.ts";
import { continuedJoin, orAnewJoin, repeatedJoin, restartedJoin, rethoughtJoin, type Join } from "./join.ts";
import { continuationOf, cutBack, quietly, type CutBack } from "./request.ts";
import type { Told } from "./told.ts";
import type { RunScope } from "../run.ts";

/** One way to go on with an answer. */
export interface Way {
  readonly name: "continued" | "restarted";
  readonly request: ChatRequest;
  /** Whether another way of the same name follows that asks for less: where other words come, that is tried. */
  readonly isTentative: boolean;
  /** The stops that it may be tried at. */
  readonly accepts: (stop: Stop) => boolean;
  /** Begins to join what comes with what was told. */
  readonly join: () => Join;
  /** About how many tokens were told before it, that its own usage does not count as written. */
  readonly told: { readonly textTokens: number; readonly thoughtTokens: number };
}

/** What there is to go on with. */
export interface Unfinished {
  readonly request: ChatRequest;
  readonly scope: RunScope;
  readonly told: Told;
}

/**
 * Ways to go on with an answer that broke off at a stop, the best first: from its text, elsewhere or there; begun anew, elsewhere or, where there is no elsewhere, there.
 * At temperature 0 the last word is asked for once more first: a target that writes it again has gone on as if nothing had happened, wherever within a word the cut was.
 */
export function waysOn({ request, scope, told }: Unfinished, broken: Stop): Way[] {
  const accepts = scope.accepts ?? (() => true);
  const isThere = ({ target }: Stop) => target === broken.target;
  const at = (way: Omit<Way, "accepts">, suits: (stop: Stop) => boolean): Way[] =>
    scope.destination.stops.some((stop) => suits(stop) && accepts(stop))
      ? [{ ...way, accepts: (stop) => suits(stop) && accepts(stop) }]
      : [];

  const restarted = restartedWay(request, told);
  const elsewhere = at(restarted, (stop) => !isThere(stop));
  const restarts = elsewhere.length > 0 ? elsewhere : at(restarted, isThere);
  const continued = continuedWays(request, told, broken);
  const canContinue = ({ target }: Stop) => target.canContinue || request.rawPrompt !== undefined;
  return [
    ...continued.flatMap((way) => at(way, (stop) => canContinue(stop) && !isThere(stop))),
    ...continued.flatMap((way) => at(way, (stop) => canContinue(stop) && isThere(stop))),
    ...restarts,
  ];
}

function continuedWays(request: ChatRequest, told: Told, broken: Stop): Omit<Way, "accepts">[] {
  const { maxTokens, sampling } = broken.fill?.(request) ?? request;
  const text = told.text();
  const goOnFrom = ({ text: prefix, again }: CutBack): Omit<Way, "accepts">[] => {
    const counts = { textTokens: Math.max(0, told.textTokens() - estimatedTokens(again.length)), thoughtTokens: told.thoughtTokens() };
    const continuation = continuationOf(request, { text: prefix, tokens: counts.textTokens + counts.thoughtTokens, maxTokens });
    if (continuation === undefined) return [];
    const { trimmed } = continuation;
    const join = () => orAnewJoin(text, again === "" ? continuedJoin(trimmed) : repeatedJoin(trimmed, again));
    return [{ name: "continued", request: continuation.request, isTentative: again !== "", join, told: counts }];
  };
  const whole = goOnFrom({ text, again: "" });
  const back = cutBack(text);
  if (sampling?.temperature !== 0 || back.again === "" || whole.length === 0) return whole;
  const tentative = back.text === "" ? [{ ...restartedWay(request, told), isTentative: true }] : goOnFrom(back);
  return [...tentative, ...whole];
}

function restartedWay(request: ChatRequest, told: Told): Omit<Way, "accepts"> {
  const [text, thoughts] = [told.text(), told.thoughts()];
  const join = () => (text === "" ? rethoughtJoin(thoughts) : restartedJoin(text));
  return { name: "restarted", request: quietly(request), isTentative: false, join, told: { textTokens: 0, thoughtTokens: 0 } };
}
