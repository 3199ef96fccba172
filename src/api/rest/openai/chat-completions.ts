import { ChunkWriter, dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { errorToOpenAI, paramOf } from "../../../dialects/openai/errors.ts";
import { chatRequestFromOpenAI } from "../../../dialects/openai/request.ts";
import { withProvider } from "../../../dialects/older/prism.ts";
import { chatResponseToOpenAI } from "../../../dialects/openai/response.ts";
import type { ChatFormat } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";
import { providerInQuery } from "../provider-query.ts";

/** Chats of `POST /v1/chat/completions`. */
export const chatCompletions: ChatFormat = {
  envelopeFor: (body) => openaiEnvelope(paramOf(body)),
  read(body, exchange) {
    const asked = withProvider(chatRequestFromOpenAI(body), providerInQuery(exchange));
    return {
      request: asked.request,
      whole: chatResponseToOpenAI,
      stream: asked.stream
        ? () => ({
            writer: new ChunkWriter(asked),
            type: eventStreamType,
            keepAlive: keepAliveFrame,
            failed: (error) => dataFrame(errorToOpenAI(error, paramOf(body))),
          })
        : undefined,
    };
  },
};
