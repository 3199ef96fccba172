import type { TSchema } from "typebox";
import * as anthropicBlocks from "../../../dialects/anthropic/wire/blocks.ts";
import * as anthropicErrors from "../../../dialects/anthropic/wire/errors.ts";
import * as anthropicEvents from "../../../dialects/anthropic/wire/events.ts";
import * as anthropicMessage from "../../../dialects/anthropic/wire/message.ts";
import * as anthropicModels from "../../../dialects/anthropic/wire/models.ts";
import * as anthropicRequest from "../../../dialects/anthropic/wire/request.ts";
import * as anthropicUsage from "../../../dialects/anthropic/wire/usage.ts";
import * as jinaRerank from "../../../dialects/jina/wire/rerank.ts";
import * as ollamaAnswers from "../../../dialects/ollama/wire/answers.ts";
import * as ollamaErrors from "../../../dialects/ollama/wire/errors.ts";
import * as ollamaModels from "../../../dialects/ollama/wire/models.ts";
import * as ollamaRequests from "../../../dialects/ollama/wire/requests.ts";
import * as olderAwa from "../../../dialects/older/wire/awa.ts";
import * as olderDetail from "../../../dialects/older/wire/detail.ts";
import * as olderDistiller from "../../../dialects/older/wire/distiller.ts";
import * as olderLangchain from "../../../dialects/older/wire/langchain.ts";
import * as olderPrism from "../../../dialects/older/wire/prism.ts";
import * as responseEvents from "../../../dialects/openai/responses/wire/events.ts";
import * as responseInput from "../../../dialects/openai/responses/wire/input.ts";
import * as responseItems from "../../../dialects/openai/responses/wire/items.ts";
import * as responseRequest from "../../../dialects/openai/responses/wire/request.ts";
import * as responseObject from "../../../dialects/openai/responses/wire/response.ts";
import * as openaiChatAnswer from "../../../dialects/openai/wire/chat-answer.ts";
import * as openaiChatChunk from "../../../dialects/openai/wire/chat-chunk.ts";
import * as openaiChatRequest from "../../../dialects/openai/wire/chat-request.ts";
import * as openaiCompletions from "../../../dialects/openai/wire/completions.ts";
import * as openaiEmbeddings from "../../../dialects/openai/wire/embeddings.ts";
import * as openaiErrors from "../../../dialects/openai/wire/errors.ts";
import * as openaiLogprobs from "../../../dialects/openai/wire/logprobs.ts";
import * as openaiMessages from "../../../dialects/openai/wire/messages.ts";
import * as openaiModels from "../../../dialects/openai/wire/models.ts";
import * as openaiTokens from "../../../dialects/openai/wire/tokens.ts";
import * as openaiUsage from "../../../dialects/openai/wire/usage.ts";
import * as own from "../own-wire.ts";

/** The files of wire types, by whose they are. */
const families: Readonly<Record<string, readonly object[]>> = {
  "": [own, jinaRerank, olderAwa, olderDetail, olderDistiller, olderLangchain, olderPrism],
  OpenAI: [
    ...[openaiChatAnswer, openaiChatChunk, openaiChatRequest, openaiCompletions, openaiEmbeddings, openaiErrors],
    ...[openaiLogprobs, openaiMessages, openaiModels, openaiTokens, openaiUsage],
    ...[responseEvents, responseInput, responseItems, responseRequest, responseObject],
  ],
  Anthropic: [anthropicBlocks, anthropicErrors, anthropicEvents, anthropicMessage, anthropicModels, anthropicRequest, anthropicUsage],
  Ollama: [ollamaAnswers, ollamaErrors, ollamaModels, ollamaRequests],
};

/** Every wire type, by the name it has in the document: its family's and its own. What else such a file exports makes types and is in lower case. */
export const wireTypes: ReadonlyMap<string, TSchema> = new Map(
  Object.entries(families).flatMap(([family, files]) =>
    files.flatMap((file) =>
      Object.entries(file)
        .filter(([name]) => /^[A-Z]/.test(name))
        .map(([name, schema]) => [family + name, schema as TSchema] as const),
    ),
  ),
);
