import { noThinkingConcessions } from "../../../dialects/no-thinking.ts";
import { keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { responsesParamOf } from "../../../dialects/openai/responses/params.ts";
import { responseRequestFromOpenAI } from "../../../dialects/openai/responses/request.ts";
import { chatResponseToResponse } from "../../../dialects/openai/responses/response.ts";
import { ResponseWriter } from "../../../dialects/openai/responses/writer.ts";
import { fault } from "../../../core/reasons.ts";
import { pathOf, type Exchange } from "../../exchange.ts";
import type { ChatFormat } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";

/** Chats of `POST /v1/responses`. */
export const responses: ChatFormat = {
  envelopeFor: (body) => openaiEnvelope(responsesParamOf(body)),
  read(body) {
    const asked = responseRequestFromOpenAI(body);
    const param = responsesParamOf(body, asked.places);
    return {
      request: asked.request,
      concessions: noThinkingConcessions(asked.request),
      envelope: openaiEnvelope(param),
      whole: (response) => chatResponseToResponse(response, asked),
      stream: asked.isStream
        ? () => {
            const writer = new ResponseWriter(asked);
            return { writer, type: eventStreamType, keepAlive: keepAliveFrame, failed: (error) => writer.failed(error, param) };
          }
        : undefined,
    };
  },
};

/** What is asked about a response of before: none is kept. */
export async function keptResponse({ request }: Exchange): Promise<void> {
  const id = pathOf(request).slice("/v1/responses/".length, 256);
  throw fault(
    "route_not_found",
    `no response is kept, ${JSON.stringify(id)} neither: this service keeps nothing between calls; send in input what was said before`,
  );
}
