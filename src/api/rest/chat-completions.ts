import { collect } from "../../core/collect.ts";
import { callContext } from "../../core/context.ts";
import { chatKind } from "../../core/kinds.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { ChunkWriter } from "../../dialects/openai/chunks.ts";
import { paramOf } from "../../dialects/openai/errors.ts";
import { chatRequestFromOpenAI } from "../../dialects/openai/request.ts";
import { chatResponseToOpenAI } from "../../dialects/openai/response.ts";
import type { Doors, Exchange, Serve } from "../exchange.ts";
import { sendJson } from "../send.ts";
import { unary } from "../unary.ts";
import { withKey } from "../with-key.ts";
import { answerError } from "./answer-error.ts";
import { readJson } from "./body.ts";
import { streamEvents } from "./event-stream.ts";
import { tellServed } from "./tell-served.ts";

/** `POST /v1/chat/completions`, whole or as a stream. */
export function chatCompletions(doors: Doors): Serve {
  const { service, limits, log } = doors;
  return async function serveChatCompletions(exchange: Exchange): Promise<void> {
    let body: unknown;
    try {
      if (exchange.refusal !== undefined) throw exchange.refusal;
      body = await readJson(exchange, limits);
      throwIfAborted(exchange.call.signal);
      const asked = chatRequestFromOpenAI(body);
      const request = withKey(asked.request, exchange.call);
      const events = service.generate(request, callContext(exchange.call, chatKind, request, !asked.stream));
      if (asked.stream) {
        const answer = { events, writer: new ChunkWriter(asked), param: paramOf(body) };
        return await streamEvents(exchange, answer, doors);
      }
      const response = await unary(exchange, doors, () => collect(events));
      tellServed(exchange, response.servedBy);
      sendJson(exchange, 200, chatResponseToOpenAI(response));
    } catch (error) {
      answerError(exchange, error, { log, param: paramOf(body) });
    }
  };
}
