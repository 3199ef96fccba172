import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { fieldsFault } from "../core/reasons.ts";
import type { ChatLayer } from "../core/work.ts";

/** Holds a call to the new tokens that the caller's key allows: refuses one that asks for more, and asks for no more on behalf of one that does not say. `usual` is what such a one would get; undefined: as many as there is room for. */
export function keyTokens(usual: number | undefined): ChatLayer {
  return function keyTokensLayer(next) {
    return function held(request, context) {
      const most = context.caller.limits?.maxTokens;
      return next(most === undefined ? request : within(request, most, usual), context);
    };
  };
}

function within(request: ChatRequest, most: number, usual: number | undefined): ChatRequest {
  const { maxTokens, choices = 1 } = request;
  const each = Math.floor(most / choices);
  if (maxTokens === undefined && each >= 1) return { ...request, maxTokens: Math.min(usual ?? each, each) };
  if (maxTokens !== undefined && maxTokens <= each) return request;
  const asked = `${maxTokens ?? 1} ${choices === 1 ? "" : `for each of ${choices} choices `}`;
  const field = maxTokens === undefined ? "choices" : "max_tokens";
  throw fieldsFault("permission_denied", [{ field, description: `${asked}is more than this key's limit maxTokens, ${most} in all` }], {
    metadata: { limit: "key.maxTokens" },
  });
}
