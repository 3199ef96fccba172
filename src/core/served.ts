import type { ServedBy } from "../../gen/parley/v1/usage_pb.ts";
import type { Served } from "./work.ts";

/** Who served a call, as answers tell. */
export function servedBy({
  provider,
  model,
  attempts,
  retries,
  isFallback: fallback,
  isRateLimited: rateLimited,
  isHedged: hedged,
}: Served): ServedBy {
  return {
    $typeName: "parley.v1.ServedBy",
    provider,
    model,
    attempts,
    fallback,
    retries,
    cacheHit: false,
    rateLimited,
    hedged,
    splices: [],
  };
}
