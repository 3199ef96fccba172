import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { fieldsFault } from "../core/reasons.ts";
import type { ChatLayer } from "../core/work.ts";

/** Holds a call to the new tokens that the caller's key allows: refuses one that asks for more, and asks for no more on behalf of one that does not say. `usual` is what such a one would get; undefined: as many as there is room for. */
export function keyTokens(usual: number | undefined): ChatLayer {
  return function keyTokensLayer(next) {
    return function held(request, context) {
      const { requests, isMaxTokensUsual = false, caller } = context;
      const most = caller.limits?.maxTokens;
      if (most === undefined) return next(request, context);
      const chats = requests?.length ?? 1;
      const asked = isMaxTokensUsual ? { said: undefined, usual: request.maxTokens } : { said: request.maxTokens, usual };
      return next(within(request, most, { ...asked, chats }), context);
    };
  };
}

interface Asked {
  /** Tokens of each answer, as the caller said; undefined: it did not. */
  readonly said: number | undefined;
  /** What is asked for then; undefined: as much as is allowed. */
  readonly usual: number | undefined;
  /** Chats of the call. */
  readonly chats: number;
}

function within(request: ChatRequest, most: number, { said, usual, chats }: Asked): ChatRequest {
  const { choices = 1 } = request;
  const answers = choices * chats;
  const each = Math.floor(most / answers);
  if (said === undefined && each >= 1) return { ...request, maxTokens: Math.min(usual ?? each, each) };
  if (said !== undefined && said <= each) return request;
  const asked = `${said ?? 1} ${answers === 1 ? "" : `for each of ${answers} ${chats === 1 ? "choices" : "answers"} `}`;
  const tooMany = most < chats ? "raw_prompt" : "choices";
  const field = said === undefined ? tooMany : "max_tokens";
  throw fieldsFault("permission_denied", [{ field, description: `${asked}is more than this key's limit maxTokens, ${most} in all` }], {
    metadata: { limit: "key.maxTokens" },
  });
}
