import { ChatCompletion } from "../../../dialects/openai/wire/chat-answer.ts";
import { ChatStreamEvent } from "../../../dialects/openai/wire/chat-chunk.ts";
import { ChatCompletionRequest } from "../../../dialects/openai/wire/chat-request.ts";
import { Completion, CompletionRequest, CompletionStreamEvent } from "../../../dialects/openai/wire/completions.ts";
import { EmbeddingList, EmbeddingRequest } from "../../../dialects/openai/wire/embeddings.ts";
import {
  ApplyTemplateAnswer,
  ApplyTemplateBody,
  DetokenizeAnswer,
  DetokenizeBody,
  TokenizeAnswer,
  TokenizeBody,
} from "../../../dialects/openai/wire/tokens.ts";
import { ModelList, ModelObject } from "../../../dialects/openai/wire/models.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute } from "../chat-route.ts";
import { openaiEnvelope } from "../envelope.ts";
import { providerQuery } from "../provider-query.ts";
import { reading, type Operation, type Route } from "../route.ts";
import { chatCompletions } from "./chat-completions.ts";
import { completions } from "./completions.ts";
import { getModel, listModels } from "./models.ts";
import { applyTemplate, detokenize, tokenize } from "./tokens.ts";
import { embeddings } from "./vectors.ts";

const tag = "OpenAI";
const json = "application/json";
const events = "text/event-stream";

const chat: Operation = {
  tag,
  summary: "Answer a conversation",
  query: providerQuery,
  body: ChatCompletionRequest,
  answers: { [json]: ChatCompletion, [events]: ChatStreamEvent },
};
const complete: Operation = {
  tag,
  summary: "Go on with prompts that no template changes",
  body: CompletionRequest,
  answers: { [json]: Completion, [events]: CompletionStreamEvent },
};
const embed: Operation = { tag, summary: "Turn texts into vectors", body: EmbeddingRequest, answers: { [json]: EmbeddingList } };
const split: Operation = {
  tag,
  summary: "Split a text or a conversation into tokens",
  body: TokenizeBody,
  answers: { [json]: TokenizeAnswer },
};
const join: Operation = { tag, summary: "Join tokens into text", body: DetokenizeBody, answers: { [json]: DetokenizeAnswer } };
const render: Operation = {
  tag,
  summary: "Show the prompt that the chat template makes of a conversation",
  body: ApplyTemplateBody,
  answers: { [json]: ApplyTemplateAnswer },
};
const list: Operation = { tag, summary: "List the models that can be asked for now", answers: { [json]: ModelList } };
const describe: Operation = { tag, summary: "Describe one model; its name may hold slashes and colons", answers: { [json]: ModelObject } };

/** What OpenAI's clients ask for, and what servers of the same shape have beside it. */
export function openaiRoutes(doors: Doors): readonly Route[] {
  const envelope = openaiEnvelope();
  const call = (path: string, serve: Route["methods"][string]["serve"], operation: Operation): Route => ({
    path,
    purpose: "call",
    envelope,
    methods: { POST: { serve, operation } },
  });
  return [
    call("/v1/chat/completions", chatRoute(doors, chatCompletions(doors)), chat),
    call("/v1/completions", chatRoute(doors, completions(doors)), complete),
    call("/v1/embeddings", embeddings(doors), embed),
    call("/tokenize", tokenize(doors), split),
    call("/detokenize", detokenize(doors), join),
    call("/apply-template", applyTemplate(doors), render),
    { path: "/v1/models", envelope, methods: { GET: { serve: reading(listModels, doors, envelope), operation: list } } },
    { path: "/v1/models/{id}", envelope, methods: { GET: { serve: reading(getModel, doors, envelope), operation: describe } } },
  ];
}
