import { noThinkingConcessions } from "../../../dialects/no-thinking.ts";
import { ChunkWriter, dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { errorToOpenAI, paramOf } from "../../../dialects/openai/errors.ts";
import { usualDialect } from "../../../core/openai-dialect.ts";
import { refuseUnknown } from "../../../dialects/openai/dialect-options.ts";
import { refusedInChats } from "../../../dialects/openai/refusals.ts";
import { ChatCompletionRequest } from "../../../dialects/openai/wire/chat-request.ts";
import type { Doors } from "../../exchange.ts";
import { chatRequestFromOpenAI } from "../../../dialects/openai/request.ts";
import { chatResponseToOpenAI } from "../../../dialects/openai/response.ts";
import type { ChatFormat } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";
import { withProvider } from "../provider-query.ts";

const known = new Set([...Object.keys(ChatCompletionRequest.properties), ...refusedInChats]);

/** Chats of `POST /v1/chat/completions`. */
export function chatCompletions({ openai = usualDialect }: Pick<Doors, "openai">): ChatFormat {
  return {
    envelopeFor: (body) => openaiEnvelope(paramOf(body)),
    read(body, exchange) {
      if (openai.refusesUnknown) refuseUnknown(body, known);
      const asked = withProvider(chatRequestFromOpenAI(body), exchange);
      return {
        request: asked.request,
        concessions: noThinkingConcessions(asked.request),
        whole: (response) => chatResponseToOpenAI(response, openai),
        stream: asked.stream
          ? () => ({
              writer: new ChunkWriter({ ...asked, thinking: openai.thinking }),
              type: eventStreamType,
              keepAlive: keepAliveFrame,
              failed: (error) => dataFrame(errorToOpenAI(error, paramOf(body))),
            })
          : undefined,
      };
    },
  };
}
