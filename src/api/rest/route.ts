import type { TSchema } from "typebox";
import type { Doors, Exchange, Purpose, Serve } from "../exchange.ts";
import { notKept } from "../send.ts";
import { answerError } from "./answer-error.ts";
import type { Envelope } from "./envelope.ts";

/** What the document of the REST routes tells of one method on one path. Schemas are those that our wire types are made of. */
export interface Operation {
  /** Half a sentence. */
  readonly summary: string;
  /** Whose clients ask: the group it stands in. */
  readonly tag: string;
  /** The JSON body that is read; absent: none is. */
  readonly body?: TSchema;
  /** Parameters of the query. */
  readonly query?: Readonly<Record<string, TSchema>>;
  /** What is answered with status 200, by content type; empty: such an answer there is not. For a stream it is the schema of one event or line. */
  readonly answers: Readonly<Record<string, TSchema>>;
  /** What its failures are made of, where that is not the route's envelope alone. */
  readonly failures?: TSchema;
  /** Further statuses that are no failures of the call, such as the 503 of a probe, or a 200 without a body; by content type. */
  readonly others?: Readonly<Record<string, Readonly<Record<string, TSchema>>>>;
}

/** One method on one path. */
export interface RouteMethod {
  readonly serve: Serve;
  readonly operation: Operation;
}

/** One path: what is served there, and how its clients are told of failures. A path that ends in `{id}` stands for everything below it. */
export interface Route {
  readonly path: string;
  readonly methods: Readonly<Record<string, RouteMethod>>;
  /** `other` where it is not said. */
  readonly purpose?: Purpose;
  readonly envelope: Envelope;
}

/** Answers what admission refused, and what a route throws. */
export function guarded(serve: Serve, { log }: Doors, envelope: Envelope): Serve {
  return async (exchange) => {
    try {
      if (exchange.refusal !== undefined) throw exchange.refusal;
      await serve(exchange);
    } catch (error) {
      answerError(exchange, error, { log, envelope });
    }
  };
}

/** A route that is read: guarded, and kept by no cache. */
export function reading(serve: (exchange: Exchange, doors: Doors) => Promise<void>, doors: Doors, envelope: Envelope): Serve {
  const answer = guarded((exchange) => serve(exchange, doors), doors, envelope);
  return (exchange) => {
    exchange.response.setHeader("cache-control", notKept);
    return answer(exchange);
  };
}
