import { throwIfAborted } from "../../../core/signals.ts";
import type { Doors, Exchange, Serve } from "../../exchange.ts";
import { sendJson } from "../../send.ts";
import { readJson } from "../body.ts";
import { ollamaEnvelope, type Envelope } from "../envelope.ts";
import { guarded } from "../route.ts";

/** Serves a route whose JSON body has one answer; undefined: it was answered on the way. */
export function jsonRoute(
  doors: Doors,
  answer: (body: unknown, exchange: Exchange) => Promise<object | undefined>,
  envelope: Envelope = ollamaEnvelope,
): Serve {
  return guarded(
    async (exchange) => {
      const body = await readJson(exchange, doors.limits);
      throwIfAborted(exchange.call.signal);
      const answered = await answer(body, exchange);
      if (answered !== undefined) sendJson(exchange, 200, answered);
    },
    doors,
    envelope,
  );
}
