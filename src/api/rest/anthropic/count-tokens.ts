import type { CountTokensResponse } from "../../../../gen/parley/v1/tokens_pb.ts";
import { countTokensKind } from "../../../core/unary-kinds.ts";
import { thinkingConcessions } from "../../../dialects/anthropic/concessions.ts";
import { countRequestFromAnthropic } from "../../../dialects/anthropic/request.ts";
import { countToAnthropic } from "../../../dialects/anthropic/response.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { anthropicEnvelope } from "../envelope.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** A count tells nobody who served it. */
interface Counted extends CountTokensResponse {
  readonly servedBy?: undefined;
}

/** `POST /v1/messages/count_tokens`. Clients cut their conversations by this number and do not work without it: where nobody who serves the model counts, they get an estimate, which says that it is one. */
export function countTokens(doors: Doors): Serve {
  return wholeAnswer(doors, {
    kind: countTokensKind,
    work: (request, context): AsyncIterable<Counted> =>
      doors.service.countTokens(request, { ...context, concessions: thinkingConcessions, acceptsEstimate: true }),
    envelopeFor: () => anthropicEnvelope(),
    read(body, { call }) {
      const { request: chat, places } = countRequestFromAnthropic(body);
      return {
        request: { $typeName: "parley.v1.CountTokensRequest", chat } as const,
        envelope: anthropicEnvelope(places),
        write: ({ promptTokens }) => countToAnthropic(promptTokens, call.record.isEstimated),
      };
    },
  });
}
