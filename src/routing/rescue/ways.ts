import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { Stop } from "../../core/targets.ts";
import { continuedJoin, restartedJoin, rethoughtJoin, type Join } from "./join.ts";
import { continuationOf, quietly } from "./request.ts";
import type { Told } from "./told.ts";
import type { RunScope } from "../run.ts";

/** One way to go on with an answer. */
export interface Way {
  readonly name: "continued" | "restarted";
  readonly request: ChatRequest;
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

/** Ways to go on with an answer that broke off at a stop, the best first: from its text, elsewhere or there; begun anew, elsewhere or, where there is no elsewhere, there. */
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
  const continued = continuedWay(request, told, broken);
  if (continued === undefined) return restarts;
  const canContinue = ({ target }: Stop) => target.canContinue || request.rawPrompt !== undefined;
  return [
    ...at(continued, (stop) => canContinue(stop) && !isThere(stop)),
    ...at(continued, (stop) => canContinue(stop) && isThere(stop)),
    ...restarts,
  ];
}

function continuedWay(request: ChatRequest, told: Told, broken: Stop): Omit<Way, "accepts"> | undefined {
  const counts = { textTokens: told.textTokens(), thoughtTokens: told.thoughtTokens() };
  const filled = broken.fill?.(request) ?? request;
  const begun = { text: told.text(), tokens: counts.textTokens + counts.thoughtTokens, maxTokens: filled.maxTokens };
  const continuation = continuationOf(request, begun);
  if (continuation === undefined) return undefined;
  return { name: "continued", request: continuation.request, join: () => continuedJoin(continuation.trimmed), told: counts };
}

function restartedWay(request: ChatRequest, told: Told): Omit<Way, "accepts"> {
  const [text, thoughts] = [told.text(), told.thoughts()];
  const join = () => (text === "" ? rethoughtJoin(thoughts) : restartedJoin(text));
  return { name: "restarted", request: quietly(request), join, told: { textTokens: 0, thoughtTokens: 0 } };
}
