import { invalidField } from "../../../core/reasons.ts";
import type { Call } from "../../../core/context.ts";
import { chatResponseToInvoke } from "../../../dialects/older/invoke-answer.ts";
import { invokeCallFrom, logprobsIfAny, requestIdIn, type InvokeCall } from "../../../dialects/older/invoke-request.ts";
import { InvokeAnswer, InvokeRequest } from "../../../dialects/older/wire/langchain.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { chatRoute, type ChatFormat } from "../chat-route.ts";
import type { Route } from "../route.ts";
import { invokeEnvelope } from "./envelopes.ts";
import { RequestIds, type TakenId } from "./request-ids.ts";

/** What the clients of the service with `/invoke` ask for. */
export function invokeRoutes(doors: Doors): readonly Route[] {
  const operation = { tag: "LangChain", summary: "Answer a prompt", body: InvokeRequest, answers: { "application/json": InvokeAnswer } };
  return [{ path: "/invoke", purpose: "call", envelope: invokeEnvelope(doors), methods: { POST: { serve: invoke(doors), operation } } }];
}

function invoke(doors: Doors): Serve {
  const ids = new RequestIds();
  return async function serveInvoke(exchange) {
    let taken: TakenId | undefined;
    const format = invokeFormat(doors, ({ requestId }) => (taken = ids.take(exchange.call.caller.tenant, requestId)));
    try {
      await chatRoute(doors, format)(exchange);
    } finally {
      taken?.leave();
    }
  };
}

/** The format of one call; `take` takes its id. */
function invokeFormat({ clock }: Doors, take: (call: InvokeCall) => TakenId): ChatFormat {
  return {
    envelopeFor: (body) => invokeEnvelope({ clock, requestId: requestIdIn(body) }),
    read(body, { call }) {
      const asked = invokeCallFrom(body);
      const { request, requestId, param } = asked;
      const upstreamKey = keyOf(asked, call);
      const taken = take(asked);
      return {
        request,
        stream: undefined,
        upstreamKey,
        concessions: [logprobsIfAny],
        envelope: invokeEnvelope({ clock, requestId, param }),
        whole(response) {
          taken.keep();
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
