import { throwIfAborted } from "../../core/signals.ts";
import type { Doors, Exchange, Serve } from "../exchange.ts";
import { sendJson } from "../send.ts";
import { readJson } from "./body.ts";
import type { Envelope } from "./envelope.ts";
import { guarded } from "./route.ts";

/** Answers a body; undefined: it was answered on the way. */
type AnswerBody = (body: unknown, exchange: Exchange) => Promise<object | undefined>;

/** Serves a route whose JSON body has one answer. */
export function jsonRoute(doors: Doors, envelope: Envelope, answer: AnswerBody): Serve {
  const serve = async (exchange: Exchange) => {
    const body = await readJson(exchange, doors.limits);
    throwIfAborted(exchange.call.signal);
    const answered = await answer(body, exchange);
    if (answered !== undefined) sendJson(exchange, 200, answered);
  };
  return guarded(serve, doors, envelope);
}
