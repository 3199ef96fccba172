import { invalidField } from "../../../core/reasons.ts";
import type { Call } from "../../../core/context.ts";
import { chatResponseToInvoke } from "../../../dialects/older/invoke-answer.ts";
import { invokeCallFrom, logprobsIfAny, requestIdIn, type InvokeCall } from "../../../dialects/older/invoke-request.ts";
import { InvokeAnswer, InvokeRequest } from "../../../dialects/older/wire/langchain.ts";
import { isClosed, isFinished, type Doors, type Exchange, type Serve } from "../../exchange.ts";
import { chatRoute, type ChatFormat } from "../chat-route.ts";
import type { Route } from "../route.ts";
import { invokeEnvelope } from "./envelopes.ts";
import { ownerOf, RequestIds, type TakenId } from "./request-ids.ts";

/** What the clients of the service with `/invoke` ask for. */
export function invokeRoutes(doors: Doors): readonly Route[] {
  const operation = { tag: "LangChain", summary: "Answer a prompt", body: InvokeRequest, answers: { "application/json": InvokeAnswer } };
  return [{ path: "/invoke", purpose: "call", envelope: invokeEnvelope(doors), methods: { POST: { serve: invoke(doors), operation } } }];
}

function invoke(doors: Doors): Serve {
  const ids = new RequestIds();
  return async function serveInvoke(exchange) {
    const taken: Taken = { id: undefined, isAnswered: false };
    try {
      await chatRoute(doors, invokeFormat(doors, ids, taken))(exchange);
    } finally {
      settleWhenClosed(exchange, taken);
    }
  };
}

/** What a call has taken so far. */
interface Taken {
  id: TakenId | undefined;
  isAnswered: boolean;
}

/** The id is settled when the response is closed: a client that was cut off while its answer was sent has lost it, and may ask again. */
function settleWhenClosed(exchange: Exchange, { id, isAnswered }: Taken): void {
  if (id === undefined) return;
  const settle = () => {
    if (isAnswered && isFinished(exchange)) id.keep();
    id.leave();
  };
  if (isClosed(exchange)) settle();
  else exchange.response.once("close", settle);
}

/** The format of one call; what it takes stands in `taken`. */
function invokeFormat({ clock }: Doors, ids: RequestIds, taken: Taken): ChatFormat {
  return {
    envelopeFor: (body) => invokeEnvelope({ clock, requestId: requestIdIn(body) }),
    read(body, { call }) {
      const asked = invokeCallFrom(body);
      const { request, requestId, param } = asked;
      const upstreamKey = keyOf(asked, call);
      taken.id = ids.take(ownerOf(call.caller, body), requestId);
      return {
        request,
        stream: undefined,
        upstreamKey,
        concessions: [logprobsIfAny],
        envelope: invokeEnvelope({ clock, requestId, param }),
        whole(response) {
          taken.isAnswered = true;
          const { startedMs, record } = call;
          return chatResponseToInvoke(response, { requestId, startedMs, nowMs: clock.now(), upstreamMs: record.upstreamMs });
        },
      };
    },
  };
}

function keyOf({ upstreamKey }: InvokeCall, call: Call): string | undefined {
  if (upstreamKey !== undefined && call.upstreamKey !== undefined && upstreamKey !== call.upstreamKey)
    throw invalidField("openai_api_key", "differs from the key in the header x-parley-upstream-key: send one of them");
  return upstreamKey ?? call.upstreamKey;
}
