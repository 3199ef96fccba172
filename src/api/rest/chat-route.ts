import type { ChatEvent, ChatRequest, ChatResponse } from "../../../gen/parley/v1/chat_pb.ts";
import { collect } from "../../core/collect.ts";
import type { Concession } from "../../core/concessions.ts";
import { callContext, type CallContext, type Prepare } from "../../core/context.ts";
import { chatKind } from "../../core/kinds.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { observe, type Watch } from "../../core/stream.ts";
import type { Doors, Exchange, Serve } from "../exchange.ts";
import { sendJson } from "../send.ts";
import { unary } from "../unary.ts";
import { withKey } from "../with-key.ts";
import { answerError } from "./answer-error.ts";
import { readJson } from "./body.ts";
import type { Envelope } from "./envelope.ts";
import { streamEvents, type StreamFormat } from "./event-stream.ts";
import { tellServed } from "./tell-served.ts";

/** A chat that was read from one body, and how its answer is written. */
export interface AskedChat {
  readonly request: ChatRequest;
  /** Makes what writes the answer as it comes; undefined: the caller wants it whole. */
  readonly stream: (() => StreamFormat | Promise<StreamFormat>) | undefined;
  /** The body of an answer that came whole. */
  readonly whole: (response: ChatResponse) => object;
  /** Tells of failures from here on, where the body itself says how fields are named; otherwise the format's does. */
  readonly envelope?: Envelope;
  /** The caller's own key for the upstream, where the body has it. */
  readonly upstreamKey?: string | undefined;
  /** All chats, where one body asks for several that are answered as one; the first is the request. */
  readonly requests?: readonly ChatRequest[] | undefined;
  /** Whether the request's `max_tokens` is the format's own where a body says none. */
  readonly isMaxTokensUsual?: boolean;
  /** Work that is wanted instead of an answer, such as loading the model; makes the body that is answered. Its time is that of every call. */
  readonly instead?: () => Promise<object>;
  /** What the answer may be without. */
  readonly concessions?: readonly Concession[];
  /** Done before the work begins, as a part of it: behind all that refuses the call, and while its stream is kept alive. */
  readonly prepare?: Prepare | undefined;
  /** Told of the answer as it comes. */
  readonly watch?: Watch<ChatEvent> | undefined;
}

/** A format in which clients ask for chats. */
export interface ChatFormat {
  /** Reads a body. Throws `invalid_request` and `unsupported_field`. */
  readonly read: (body: unknown, exchange: Exchange) => AskedChat | Promise<AskedChat>;
  /** Tells of failures to the caller of a body; undefined where it could not be read. */
  readonly envelopeFor: (body: unknown) => Envelope;
}

/** A route on which chats are asked in one format, and answered whole or as a stream. */
export function chatRoute(doors: Doors, format: ChatFormat): Serve {
  const { service, limits, log } = doors;
  return async function serveChat(exchange: Exchange): Promise<void> {
    let body: unknown;
    let asked: AskedChat | undefined;
    try {
      if (exchange.refusal !== undefined) throw exchange.refusal;
      body = await readJson(exchange, limits);
      throwIfAborted(exchange.call.signal);
      const reading = format.read(body, exchange);
      asked = reading instanceof Promise ? await reading : reading;
      if (asked.instead !== undefined) return sendJson(exchange, 200, await asked.instead());
      const request = withKey(asked.request, exchange.call);
      const context = contextOf(exchange, request, asked);
      const { watch } = asked;
      const events = watch === undefined ? service.generate(request, context) : observe(() => service.generate(request, context), watch);
      if (asked.stream !== undefined) return await streamEvents(exchange, { events, format: await asked.stream() }, doors);
      const response = await unary(exchange, doors, () => collect(events));
      tellServed(exchange, response.servedBy);
      sendJson(exchange, 200, asked.whole(response));
    } catch (error) {
      answerError(exchange, error, { log, envelope: asked?.envelope ?? format.envelopeFor(body) });
    }
  };
}

function contextOf({ call }: Exchange, request: ChatRequest, asked: AskedChat): CallContext {
  const { stream, upstreamKey, concessions, prepare, requests, isMaxTokensUsual } = asked;
  return callContext(call, chatKind, request, {
    isWhole: stream === undefined,
    upstreamKey,
    concessions,
    prepare,
    requests,
    isMaxTokensUsual,
  });
}
