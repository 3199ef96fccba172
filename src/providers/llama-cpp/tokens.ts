import { create } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { WarmPromptResponseSchema, type WarmPromptRequest, type WarmPromptResponse } from "../../../gen/parley/v1/models_pb.ts";
import {
  CountTokensResponseSchema,
  DetokenizeResponseSchema,
  RenderPromptResponseSchema,
  TokenizeResponseSchema,
  type CountTokensRequest,
  type CountTokensResponse,
  type DetokenizeRequest,
  type DetokenizeResponse,
  type RenderPromptRequest,
  type RenderPromptResponse,
  type TokenizeRequest,
  type TokenizeResponse,
} from "../../../gen/parley/v1/tokens_pb.ts";
import type { CallContext } from "../../core/context.ts";
import { invalidField } from "../../core/reasons.ts";
import type { EngineModel } from "../../engine/protocol/load.ts";
import type { EnginePrompt } from "../../engine/protocol/prompt.ts";
import type { EngineAnswer, EngineQuestion, EngineQuestionType } from "../../engine/protocol/questions.ts";
import type { LocalEngines } from "./local-engines.ts";
import { refuseOwnChatOptions } from "./own-options.ts";
import { refuseHopeless } from "./prompt-bound.ts";
import { engineConversation, enginePrompt } from "./request.ts";
import type { Task } from "./tasks.ts";

/** Counts the tokens of a prompt as the request would be billed. */
export async function countTokens(engines: LocalEngines, { chat }: CountTokensRequest, context: CallContext): Promise<CountTokensResponse> {
  const { model, prompt } = promptOf(chat);
  const asked = { model, question: { type: "count", prompt } as const, task: "chat" as const };
  const { answer, about } = await ask<"count">(engines, asked, context);
  return create(CountTokensResponseSchema, { promptTokens: answer.promptTokens, model, contextLength: about.contextLength });
}

/** The text that the model would read. */
export async function renderPrompt(
  engines: LocalEngines,
  { chat }: RenderPromptRequest,
  context: CallContext,
): Promise<RenderPromptResponse> {
  const { model, prompt } = promptOf(chat);
  const asked = { model, question: { type: "render", prompt } as const, task: "chat" as const };
  const { answer } = await ask<"render">(engines, asked, context);
  return create(RenderPromptResponseSchema, { prompt: answer.text, model });
}

/** Splits text into the model's tokens. */
export async function tokenize(engines: LocalEngines, request: TokenizeRequest, context: CallContext): Promise<TokenizeResponse> {
  const { model, text, addSpecialTokens: addSpecial, parseSpecialTokens: parseSpecial, includePieces } = request;
  const question = { type: "tokenize", text, addSpecial, parseSpecial, includePieces } as const;
  const { answer } = await ask<"tokenize">(engines, { model, question, task: "anything" }, context);
  const pieces = (answer.pieces ?? []).map((piece) => new Uint8Array(Buffer.from(piece, "base64")));
  return create(TokenizeResponseSchema, { tokenIds: [...answer.tokens], pieces, model });
}

/** Joins the model's tokens into text. */
export async function detokenize(engines: LocalEngines, request: DetokenizeRequest, context: CallContext): Promise<DetokenizeResponse> {
  const { model, tokenIds: tokens } = request;
  const { answer } = await ask<"detokenize">(engines, { model, question: { type: "detokenize", tokens }, task: "anything" }, context);
  return create(DetokenizeResponseSchema, { text: answer.text, model });
}

/** Prepares the state of a prompt's beginning for later calls of the same tenant. */
export async function warmPrompt(engines: LocalEngines, request: WarmPromptRequest, context: CallContext): Promise<WarmPromptResponse> {
  const { model, messages, tools } = request;
  refuseOwnChatOptions({ messages });
  const prompt = engineConversation({ messages, tools });
  const question = { type: "warm", prompt, tenant: context.caller.tenant } as const;
  const { answer } = await ask<"warm">(engines, { model, question, task: "chat" }, context);
  return create(WarmPromptResponseSchema, answer);
}

function promptOf(chat: ChatRequest | undefined): { readonly model: string; readonly prompt: EnginePrompt } {
  if (chat === undefined) throw invalidField("chat", "is required");
  refuseOwnChatOptions(chat);
  return { model: chat.model, prompt: enginePrompt(chat) };
}

interface Asked<Type extends EngineQuestionType> {
  readonly model: string;
  readonly question: EngineQuestion<Type>;
  readonly task: Task;
}

/** Asks the engine of a model, loading it when need be. A prompt that cannot fit is not sent. */
async function ask<Type extends EngineQuestionType>(
  engines: LocalEngines,
  { model, question, task }: Asked<Type>,
  { signal }: CallContext,
): Promise<{ readonly answer: EngineAnswer<Type>; readonly about: EngineModel }> {
  const { engine, about, release } = await engines.lease(model, signal, task);
  try {
    if ("prompt" in question) refuseHopeless(question.prompt, about);
    return { answer: await engine.ask<Type>(question, signal), about };
  } finally {
    release();
  }
}
