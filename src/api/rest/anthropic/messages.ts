import { betasInHeader } from "../../../dialects/anthropic/betas.ts";
import { thinkingConcessions } from "../../../dialects/anthropic/concessions.ts";
import { errorFrame, errorToAnthropic } from "../../../dialects/anthropic/errors.ts";
import { chatRequestFromAnthropic } from "../../../dialects/anthropic/request.ts";
import { messageToAnthropic } from "../../../dialects/anthropic/response.ts";
import { MessageWriter, pingFrame } from "../../../dialects/anthropic/writer.ts";
import { estimatedPromptTokens } from "../../../core/estimate.ts";
import type { ChatFormat } from "../chat-route.ts";
import { anthropicEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";

/** Chats of `POST /v1/messages`. */
export const messages: ChatFormat = {
  envelopeFor: () => anthropicEnvelope(),
  read(body, { call: { requestId }, request: { headers } }) {
    const { request, stream, places, isThinkingOmitted } = chatRequestFromAnthropic(body, betasInHeader(headers["anthropic-beta"]));
    return {
      request,
      envelope: anthropicEnvelope(places),
      concessions: thinkingConcessions,
      whole: (response) => messageToAnthropic(response, isThinkingOmitted),
      stream: stream
        ? () => ({
            // Clients read the prompt's tokens at the start, before anybody has told them.
            writer: new MessageWriter({ promptTokens: Math.max(1, estimatedPromptTokens(request)), isThinkingOmitted }),
            type: eventStreamType,
            keepAlive: pingFrame,
            failed: (error) => errorFrame(errorToAnthropic(error, { requestId, places })),
          })
        : undefined,
    };
  },
};
