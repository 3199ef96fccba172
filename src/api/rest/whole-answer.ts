import type { ServedBy } from "../../../gen/parley/v1/usage_pb.ts";
import { callContext } from "../../core/context.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { only } from "../../core/stream.ts";
import type { Kind, Work } from "../../core/work.ts";
import type { Doors, Exchange, Serve } from "../exchange.ts";
import { sendJson } from "../send.ts";
import { unary } from "../unary.ts";
import { answerError } from "./answer-error.ts";
import { readJson } from "./body.ts";
import type { Envelope } from "./envelope.ts";
import { tellServed } from "./tell-served.ts";

/** An answer that tells who served it. */
interface Told {
  readonly servedBy?: ServedBy | undefined;
}

/** A request that was read from one body, and how its answer is written. */
interface ReadWhole<Request, Answer> {
  readonly request: Request;
  readonly write: (answer: Answer) => object;
  /** Tells of failures from here on, where the body itself says how fields are named; otherwise the route's does. */
  readonly envelope?: Envelope;
}

/** A route whose JSON body becomes one request, and whose one answer becomes JSON. */
export interface WholeRoute<Request, Answer extends Told> {
  readonly kind: Pick<Kind<Request, unknown>, "operation" | "modelOf">;
  readonly work: Work<Request, Answer>;
  /** Reads a body: the request, and how its answer is written. */
  readonly read: (body: unknown, exchange: Exchange) => ReadWhole<Request, Answer>;
  /** Tells of failures to the caller of a body; undefined where it could not be read. */
  readonly envelopeFor: (body: unknown) => Envelope;
}

/** Serves such a route. */
export function wholeAnswer<Request, Answer extends Told>(doors: Doors, route: WholeRoute<Request, Answer>): Serve {
  const { kind, work, read, envelopeFor } = route;
  return async function serveWholeAnswer(exchange: Exchange): Promise<void> {
    let body: unknown;
    let envelope: Envelope | undefined;
    try {
      if (exchange.refusal !== undefined) throw exchange.refusal;
      body = await readJson(exchange, doors.limits);
      throwIfAborted(exchange.call.signal);
      const asked = read(body, exchange);
      const { request, write } = asked;
      envelope = asked.envelope;
      const answer = await unary(exchange, doors, () => only(work(request, callContext(exchange.call, kind, request))));
      tellServed(exchange, answer.servedBy);
      sendJson(exchange, 200, write(answer));
    } catch (error) {
      answerError(exchange, error, { log: doors.log, envelope: envelope ?? envelopeFor(body) });
    }
  };
}
