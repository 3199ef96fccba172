import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { EmbedRequest, EmbedResponse } from "../../gen/parley/v1/embeddings_pb.ts";
import type { WarmPromptRequest, WarmPromptResponse } from "../../gen/parley/v1/models_pb.ts";
import type { RerankRequest, RerankResponse } from "../../gen/parley/v1/rerank_pb.ts";
import type {
  CountTokensRequest,
  CountTokensResponse,
  DetokenizeRequest,
  DetokenizeResponse,
  RenderPromptRequest,
  RenderPromptResponse,
  TokenizeRequest,
  TokenizeResponse,
} from "../../gen/parley/v1/tokens_pb.ts";
import type { ServedBy, Timings, Usage } from "../../gen/parley/v1/usage_pb.ts";
import { servedBy } from "./served.ts";
import type { Kind, Serves } from "./work.ts";

/** A request that names a model, and perhaps a provider. */
interface Naming {
  readonly model: string;
  readonly provider?: string;
}

/** A request that holds a chat request. */
interface Holding {
  readonly chat?: ChatRequest | undefined;
}

/** What no answer that comes whole has: choices that end, content to read before the rest, and anything before the answer. */
const whole = {
  finishOf: () => undefined,
  isContent: () => false,
  isProgress: () => false,
  charactersOf: () => 0,
};

/** The parts of a kind whose requests name their model themselves. */
function naming<Request extends Naming>() {
  return {
    ...whole,
    modelOf: ({ model }: Request) => model,
    providerOf: ({ provider = "" }: Request) => provider,
    withModel: (request: Request, model: string): Request => (request.model === model ? request : { ...request, model }),
    withChat: (request: Request) => request,
    chatOf: (_request: Request): ChatRequest | undefined => undefined,
  };
}

/** The parts of a kind whose requests hold the chat request that they are about. */
function holding<Request extends Holding>() {
  return {
    ...whole,
    modelOf: ({ chat }: Request) => chat?.model ?? "",
    providerOf: ({ chat }: Request) => chat?.provider ?? "",
    withModel: (request: Request, model: string): Request =>
      request.chat === undefined || request.chat.model === model ? request : { ...request, chat: { ...request.chat, model } },
    withChat: (request: Request, change: (chat: ChatRequest) => ChatRequest): Request =>
      request.chat === undefined ? request : { ...request, chat: change(request.chat) },
    chatOf: ({ chat }: Request) => chat,
  };
}

/** The parts of a kind whose answers tell the model's name and nothing of what they took. */
const nameAlone = {
  served: <Event extends { model: string }>(event: Event, by: Serves): Event => ({ ...event, model: by.served().name }),
  usageOf: () => undefined,
  timingsOf: () => undefined,
};

interface Billed {
  readonly model: string;
  readonly usage?: Usage | undefined;
  readonly timings?: Timings | undefined;
  readonly servedBy?: ServedBy | undefined;
}

/** The parts of a kind whose answers tell what they took. */
function billed<Event extends Billed>() {
  return {
    usageOf: ({ usage }: Event) => usage,
    timingsOf: ({ timings }: Event) => timings,
    served(event: Event, by: Serves): Event {
      const facts = by.served();
      const timings: Timings = { ...event.timings, $typeName: "parley.v1.Timings", totalMs: Math.round(by.nowMs() - facts.startedMs) };
      return { ...event, model: facts.name, servedBy: servedBy(facts), timings };
    },
  };
}

/** Counting the tokens of a prompt. */
export const countTokensKind: Kind<CountTokensRequest, CountTokensResponse> = {
  ...holding<CountTokensRequest>(),
  ...nameAlone,
  operation: "count_tokens",
  purpose: "chat",
  workOf: ({ countTokens }) => countTokens,
};

/** Showing the text of a prompt. */
export const renderPromptKind: Kind<RenderPromptRequest, RenderPromptResponse> = {
  ...holding<RenderPromptRequest>(),
  ...nameAlone,
  operation: "render_prompt",
  purpose: "chat",
  workOf: ({ renderPrompt }) => renderPrompt,
};

/** Splitting text into tokens. */
export const tokenizeKind: Kind<TokenizeRequest, TokenizeResponse> = {
  ...naming<TokenizeRequest>(),
  ...nameAlone,
  operation: "tokenize",
  purpose: "chat",
  workOf: ({ tokenize }) => tokenize,
};

/** Joining tokens into text. */
export const detokenizeKind: Kind<DetokenizeRequest, DetokenizeResponse> = {
  ...naming<DetokenizeRequest>(),
  ...nameAlone,
  operation: "detokenize",
  purpose: "chat",
  workOf: ({ detokenize }) => detokenize,
};

/** Turning texts into vectors; the name of the operation is that of the GenAI conventions. */
export const embedKind: Kind<EmbedRequest, EmbedResponse> = {
  ...naming<EmbedRequest>(),
  ...billed<EmbedResponse>(),
  operation: "embeddings",
  purpose: "embed",
  workOf: ({ embed }) => embed,
};

/** Ordering documents by how well they answer a query. */
export const rerankKind: Kind<RerankRequest, RerankResponse> = {
  ...naming<RerankRequest>(),
  ...billed<RerankResponse>(),
  operation: "rerank",
  purpose: "rerank",
  workOf: ({ rerank }) => rerank,
};

/** Preparing a prompt's beginning. What a provider refuses in a chat request it refuses here. */
export const warmPromptKind: Kind<WarmPromptRequest, WarmPromptResponse> = {
  ...naming<WarmPromptRequest>(),
  operation: "warm_prompt",
  purpose: "chat",
  chatOf: ({ model, messages, tools }) => create(ChatRequestSchema, { model, messages, tools }),
  workOf: ({ warmPrompt }) => warmPrompt,
  served: (event) => event,
  usageOf: () => undefined,
  timingsOf: () => undefined,
};
