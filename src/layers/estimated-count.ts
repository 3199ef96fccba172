import type { CountTokensRequest, CountTokensResponse } from "../../gen/parley/v1/tokens_pb.ts";
import { estimatedPromptTokens } from "../core/estimate.ts";
import { asFault, reasonOf } from "../core/reasons.ts";
import { once, only } from "../core/stream.ts";
import { countTokensKind } from "../core/unary-kinds.ts";
import type { Kind, Work } from "../core/work.ts";

/** Estimates a prompt's tokens where nobody who serves the model counts them, for callers who can do with that; the call's record says so. All others are refused as before. */
export function estimatedCount<Request, Event>(next: Work<Request, Event>, { operation }: Kind<Request, Event>): Work<Request, Event> {
  if (operation !== countTokensKind.operation) return next;
  return countedOrEstimated(next as unknown as CountTokens) as unknown as Work<Request, Event>;
}

type CountTokens = Work<CountTokensRequest, CountTokensResponse>;

function countedOrEstimated(next: CountTokens): CountTokens {
  return function counted(request, context) {
    const { chat } = request;
    if (context.acceptsEstimate !== true || chat === undefined) return next(request, context);
    return once(async () => {
      try {
        return await only(next(request, context));
      } catch (error) {
        if (reasonOf(asFault(error)) !== "unimplemented") throw error;
        context.record.isEstimated = true;
        return { $typeName: "parley.v1.CountTokensResponse", model: context.model, promptTokens: estimatedPromptTokens(chat) };
      }
    });
  };
}
