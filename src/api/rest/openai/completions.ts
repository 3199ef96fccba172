import { severalChats } from "../../../core/several-chats.ts";
import type { Limits } from "../../../core/limits.ts";
import { dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { completionToOpenAI } from "../../../dialects/openai/completions/answer.ts";
import { CompletionWriter } from "../../../dialects/openai/completions/chunks.ts";
import { completionParamOf } from "../../../dialects/openai/completions/param.ts";
import { completionFromOpenAI } from "../../../dialects/openai/completions/request.ts";
import { errorToOpenAI } from "../../../dialects/openai/errors.ts";
import type { ChatFormat } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";

/** Completions of `POST /v1/completions`: a chat a prompt. */
export function completions(limits: Limits): ChatFormat {
  return {
    envelopeFor: (body) => openaiEnvelope(completionParamOf(body)),
    read(body) {
      const { requests, form, stream, includeUsage } = completionFromOpenAI(body, limits);
      return {
        request: requests[0],
        ...(requests.length > 1 && { through: (generate) => severalChats(generate, requests) }),
        whole: (response) => completionToOpenAI(response, form),
        stream: stream
          ? () => ({
              writer: new CompletionWriter({ includeUsage }),
              type: eventStreamType,
              keepAlive: keepAliveFrame,
              failed: (error) => dataFrame(errorToOpenAI(error, completionParamOf(body))),
            })
          : undefined,
      };
    },
  };
}
