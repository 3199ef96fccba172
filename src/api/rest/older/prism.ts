import { isLocalProvider } from "../../../core/local-providers.ts";
import { paramOf } from "../../../dialects/openai/errors.ts";
import { dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { errorToDetail } from "../../../dialects/older/detail.ts";
import { chatRequestFromPrism, chatResponseToPrism } from "../../../dialects/older/prism.ts";
import { PrismWriter } from "../../../dialects/older/prism-writer.ts";
import { PrismAnswer, PrismEvent, PrismRequest } from "../../../dialects/older/wire/prism.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute, type ChatFormat } from "../chat-route.ts";
import { eventStreamType } from "../event-stream.ts";
import { providerQuery, withProvider } from "../provider-query.ts";
import type { Route } from "../route.ts";
import { detailEnvelope } from "./envelopes.ts";

const chat = (doors: Doors): ChatFormat => ({
  envelopeFor: (body) => detailEnvelope(paramOf(body)),
  read(body, exchange) {
    const { request, stream } = withProvider(chatRequestFromPrism(body), exchange);
    return {
      request: request.provider === "" && isEchoAlone(request.model, doors) ? { ...request, provider: "echo" } : request,
      whole: chatResponseToPrism,
      stream: stream
        ? () => ({
            writer: new PrismWriter(),
            type: eventStreamType,
            keepAlive: keepAliveFrame,
            failed: (error) => dataFrame(errorToDetail(error, paramOf(body))),
          })
        : undefined,
    };
  },
});

/** Whether a name leads nowhere, and echo is all that answers: its clients name a model whatever the provider, and echo repeated them all. */
function isEchoAlone(model: string, { service: { models, providers } }: Doors): boolean {
  return providers.defaultProvider() === "echo" && providers.list().every(({ name }) => isLocalProvider(name)) && !models.isKnown(model);
}

/** What Prism's clients ask for, beside what other clients ask for too. */
export function prismRoutes(doors: Doors): readonly Route[] {
  const operation = {
    tag: "Prism",
    summary: "Answer a conversation with one text",
    query: providerQuery,
    body: PrismRequest,
    answers: { "application/json": PrismAnswer, "text/event-stream": PrismEvent },
  };
  return [
    {
      path: "/v1/chat",
      purpose: "call",
      envelope: detailEnvelope(),
      methods: { POST: { serve: chatRoute(doors, chat(doors)), operation } },
    },
  ];
}
