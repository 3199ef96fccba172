import { dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { completionToOpenAI } from "../../../dialects/openai/completions/answer.ts";
import { CompletionWriter } from "../../../dialects/openai/completions/chunks.ts";
import { completionParamOf } from "../../../dialects/openai/completions/param.ts";
import { completionFromOpenAI } from "../../../dialects/openai/completions/request.ts";
import { usualDialect } from "../../../core/openai-dialect.ts";
import { refuseUnknown } from "../../../dialects/openai/dialect-options.ts";
import { refusedInCompletions } from "../../../dialects/openai/refusals.ts";
import { CompletionRequest } from "../../../dialects/openai/wire/completions.ts";
import type { Doors } from "../../exchange.ts";
import { errorToOpenAI } from "../../../dialects/openai/errors.ts";
import type { ChatFormat } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { eventStreamType } from "../event-stream.ts";

const known = new Set([...Object.keys(CompletionRequest.properties), ...refusedInCompletions]);

/** Completions of `POST /v1/completions`: a chat a prompt. */
export function completions({ limits, openai = usualDialect }: Pick<Doors, "limits" | "openai">): ChatFormat {
  return {
    envelopeFor: (body) => openaiEnvelope(completionParamOf(body)),
    read(body) {
      if (openai.refusesUnknown) refuseUnknown(body, known);
      const { requests, form, stream, includeUsage, isMaxTokensUsual } = completionFromOpenAI(body, limits);
      return {
        request: requests[0],
        requests: requests.length > 1 ? requests : undefined,
        isMaxTokensUsual,
        whole: (response) => completionToOpenAI(response, form),
        stream: stream
          ? () => ({
              writer: new CompletionWriter({ includeUsage, tellsLogprobs: form.hasLogprobs }),
              type: eventStreamType,
              keepAlive: keepAliveFrame,
              failed: (error) => dataFrame(errorToOpenAI(error, completionParamOf(body))),
            })
          : undefined,
      };
    },
  };
}
