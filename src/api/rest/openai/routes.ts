import { Type } from "typebox";
import { ModelList, ModelObject } from "../../../dialects/openai/wire/models.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { reading, type Route } from "../route.ts";
import { chatCompletions } from "./chat-completions.ts";
import { getModel, listModels } from "./models.ts";
import { embeddings, rerank } from "./vectors.ts";

const tag = "OpenAI";
const json = "application/json";

/** What OpenAI's clients ask for, and what servers of the same shape have beside it. */
export function openaiRoutes(doors: Doors): readonly Route[] {
  const envelope = openaiEnvelope();
  return [
    {
      path: "/v1/chat/completions",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: chatRoute(doors, chatCompletions),
          operation: { tag, summary: "Answer a conversation", body: Type.Unknown(), answers: { [json]: Type.Unknown() } },
        },
      },
    },
    {
      path: "/v1/embeddings",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: embeddings(doors),
          operation: { tag, summary: "Turn texts into vectors", body: Type.Unknown(), answers: { [json]: Type.Unknown() } },
        },
      },
    },
    {
      path: "/v1/rerank",
      purpose: "call",
      envelope,
      methods: {
        POST: {
          serve: rerank(doors),
          operation: { tag, summary: "Rank documents by a query", body: Type.Unknown(), answers: { [json]: Type.Unknown() } },
        },
      },
    },
    {
      path: "/v1/models",
      envelope,
      methods: {
        GET: {
          serve: reading(listModels, doors, envelope),
          operation: { tag, summary: "List the models that can be asked for now", answers: { [json]: ModelList } },
        },
      },
    },
    {
      path: "/v1/models/{id}",
      envelope,
      methods: {
        GET: {
          serve: reading(getModel, doors, envelope),
          operation: { tag, summary: "Describe one model; its name may hold slashes and colons", answers: { [json]: ModelObject } },
        },
      },
    },
  ];
}
