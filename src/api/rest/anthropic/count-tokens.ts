import type { CountTokensRequest, CountTokensResponse } from "../../../../gen/parley/v1/tokens_pb.ts";
import { estimatedPromptTokens } from "../../../core/estimate.ts";
import { asFault, reasonOf } from "../../../core/reasons.ts";
import { once, only } from "../../../core/stream.ts";
import { countTokensKind } from "../../../core/unary-kinds.ts";
import type { Work } from "../../../core/work.ts";
import { thinkingConcessions } from "../../../dialects/anthropic/concessions.ts";
import { countRequestFromAnthropic } from "../../../dialects/anthropic/request.ts";
import { countToAnthropic } from "../../../dialects/anthropic/response.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { anthropicEnvelope } from "../envelope.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** A count, or what stands for it. */
interface Counted extends CountTokensResponse {
  readonly isEstimated?: boolean;
  readonly servedBy?: undefined;
}

/** `POST /v1/messages/count_tokens`. */
export function countTokens(doors: Doors): Serve {
  return wholeAnswer(doors, {
    kind: countTokensKind,
    work: countedOrEstimated(doors),
    envelopeFor: () => anthropicEnvelope(),
    read(body) {
      const { request: chat, places } = countRequestFromAnthropic(body);
      return {
        request: { $typeName: "parley.v1.CountTokensRequest", chat } as const,
        envelope: anthropicEnvelope(places),
        write: ({ promptTokens, isEstimated = false }) => countToAnthropic(promptTokens, isEstimated),
      };
    },
  });
}

/** Clients cut their conversations by this number and do not work without it: where nobody who serves the model counts, they get an estimate, which says that it is one. */
function countedOrEstimated({ service }: Doors): Work<CountTokensRequest, Counted> {
  return (request, context) =>
    once(async () => {
      try {
        return await only(service.countTokens(request, { ...context, concessions: thinkingConcessions }));
      } catch (error) {
        if (reasonOf(asFault(error)) !== "unimplemented" || request.chat === undefined) throw error;
        const { model } = context;
        return {
          $typeName: "parley.v1.CountTokensResponse",
          model,
          promptTokens: estimatedPromptTokens(request.chat),
          isEstimated: true,
        };
      }
    });
}
