import { MessageEvent } from "../../../dialects/anthropic/wire/events.ts";
import { Message } from "../../../dialects/anthropic/wire/message.ts";
import { CountRequest, MessageRequest } from "../../../dialects/anthropic/wire/request.ts";
import { TokenCount } from "../../../dialects/anthropic/wire/usage.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute } from "../chat-route.ts";
import { anthropicEnvelope, marked } from "../envelope.ts";
import type { Route } from "../route.ts";
import { countTokens } from "./count-tokens.ts";
import { messages } from "./messages.ts";

const tag = "Anthropic";
const json = "application/json";

/** What Anthropic's clients ask for. */
export function anthropicRoutes(doors: Doors): readonly Route[] {
  const envelope = anthropicEnvelope();
  return [
    {
      path: "/v1/messages",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: marked(chatRoute(doors, messages), envelope),
          operation: {
            tag,
            summary: "Answer a conversation",
            body: MessageRequest,
            answers: { [json]: Message, "text/event-stream": MessageEvent },
          },
        },
      },
    },
    {
      path: "/v1/messages/count_tokens",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: marked(countTokens(doors), envelope),
          operation: { tag, summary: "Count the tokens of a conversation", body: CountRequest, answers: { [json]: TokenCount } },
        },
      },
    },
  ];
}
