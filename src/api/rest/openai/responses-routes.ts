import { ResponseEvent } from "../../../dialects/openai/responses/wire/events.ts";
import { ResponseRequest } from "../../../dialects/openai/responses/wire/request.ts";
import { ResponseObject } from "../../../dialects/openai/responses/wire/response.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { guarded, reading, type Route } from "../route.ts";
import { keptResponse, responses } from "./responses.ts";

const tag = "OpenAI";

/** What OpenAI's newer clients ask for. Nothing is kept between calls, which is what they are told where they ask for it. */
export function responsesRoutes(doors: Doors): readonly Route[] {
  const envelope = openaiEnvelope();
  const answers = {};
  return [
    {
      path: "/v1/responses",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: chatRoute(doors, responses),
          operation: {
            tag,
            summary: "Answer a conversation, as items",
            body: ResponseRequest,
            answers: { "application/json": ResponseObject, "text/event-stream": ResponseEvent },
          },
        },
      },
    },
    {
      path: "/v1/responses/{id}",
      envelope,
      methods: {
        GET: {
          serve: reading(keptResponse, doors, envelope),
          operation: { tag, summary: "Say that no response is kept", answers },
        },
        POST: {
          serve: guarded(keptResponse, doors, envelope),
          operation: { tag, summary: "Say that no response is kept that could be cancelled", answers },
        },
        DELETE: {
          serve: guarded(keptResponse, doors, envelope),
          operation: { tag, summary: "Say that no response is kept that could be deleted", answers },
        },
      },
    },
  ];
}
