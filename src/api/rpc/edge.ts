import { create } from "@bufbuild/protobuf";
import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { RequestInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { asFault, retryAfterMsOf } from "../../core/reasons.ts";
import type { Log } from "../../core/ports.ts";
import { mapErrors } from "../../core/stream.ts";
import { logCause } from "../log-lines.ts";
import type { Admitted, Doors } from "../exchange.ts";
import { exchangeOf } from "./exchange-key.ts";
import { messageFault } from "./message-fault.ts";

/** The one interceptor: what is thrown leaves as a fault that carries the request id; what is no ConnectError is opaque on the wire and whole in the log. */
export function edge({ log, limits }: Pick<Doors, "log" | "limits">): Interceptor {
  return (next) => async (request) => {
    const exchange = exchangeOf(request.contextValues);
    const change = (error: unknown) => outgoing(exchange, error, log);
    // A stream's messages are parsed in here; that of a unary call was before, see own-errors.
    const known = (error: unknown) => messageFault(error, limits);
    const asked = request.stream ? { ...request, message: mapErrors(request.message, known) } : request;
    const response = await next(asked).catch((error: unknown) => {
      throw change(request.stream ? known(error) : error);
    });
    return response.stream ? { ...response, message: mapErrors(response.message, change) } : response;
  };
}

/** The error as the client gets it; the exchange notes it. What is no ConnectError is written down whole. What a service of the embedding program throws keeps its own code, details and metadata. */
export function outgoing(exchange: Admitted, error: unknown, log: Log): ConnectError {
  const { requestId, procedure } = exchange.call;
  logCause(log, error, { requestId, procedure });
  const known = asFault(error);
  return named(exchange, known, error instanceof ConnectError ? error : known);
}

/** A fault of ours as the client gets it; the exchange notes it. */
export function refused(exchange: Admitted, known: ConnectError): ConnectError {
  return named(exchange, known, known);
}

/** A copy, since one error may end many calls, with the request's id. */
function named(exchange: Admitted, known: ConnectError, told: ConnectError): ConnectError {
  exchange.outcome.error = known;
  // A message that was cut inside a character would break the escaping of grpc-message.
  const copy = new ConnectError(known.rawMessage.toWellFormed(), told.code, told.metadata, undefined, known.cause);
  const { requestId, protocol } = exchange.call;
  // What is HTTP to its client may be repeated by what knows HTTP alone: proxies and plain fetch.
  const afterMs = protocol === "connect" ? retryAfterMsOf(known) : undefined;
  if (afterMs !== undefined) copy.metadata.set("retry-after", String(Math.ceil(afterMs / 1000)));
  const info = { desc: RequestInfoSchema, value: create(RequestInfoSchema, { requestId }) };
  const theirs = told === known ? [] : told.details;
  copy.details = exchange.errorDetails ? [...theirs, ...known.details, info] : theirs;
  return copy;
}
