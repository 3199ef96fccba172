import { create } from "@bufbuild/protobuf";
import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import {
  DetokenizeRequestSchema,
  TokenizeRequestSchema,
  type DetokenizeRequest,
  type TokenizeRequest,
  type TokenizeResponse,
} from "../../../gen/parley/v1/tokens_pb.ts";
import { invalidField } from "../../core/reasons.ts";
import { paramOf, type ParamOf } from "./errors.ts";
import { booleanAt, integerAt, listAt, objectAt, present, read, required, textAt, type Json } from "./read.ts";
import { chatRequestFromOpenAI } from "./request.ts";
import type { ContentTokens, PromptTokens, TokenizeAnswer } from "./wire/tokens.ts";

/** What a body of `/tokenize` asks for. */
export interface AskedTokens {
  /** What is split into tokens; its text is that of `chat`'s prompt, where there is one. */
  readonly request: TokenizeRequest;
  /** The conversation whose prompt is meant; undefined: the request's own text is. */
  readonly chat: ChatRequest | undefined;
  /** The answer in the shape of the body; `contextLength` in tokens, where it is known. */
  readonly write: (answer: TokenizeResponse, contextLength: number | undefined) => TokenizeAnswer;
}

const subjects = ["content", "prompt", "messages"] as const;

/** Reads the body of `/tokenize`: llama-server's `content`, or vLLM's `prompt` or `messages`. Throws `invalid_request` and `unsupported_field` by those names. */
export function tokensFromBody(value: unknown): AskedTokens {
  const body = objectAt(value, "body");
  const [name, second] = subjects.filter((each) => present(body, each) !== undefined);
  if (name === undefined) throw invalidField("content", "is required: send content, prompt or messages");
  if (second !== undefined) throw invalidField(second, `says what ${name} says: send one of them`);
  const model = read(body, "model", textAt) ?? "";
  return name === "content" ? ofContent(body, model) : ofPrompt(body, { model, isChat: name === "messages" });
}

function ofContent(body: Json, model: string): AskedTokens {
  const includePieces = read(body, "with_pieces", booleanAt) ?? false;
  const request = create(TokenizeRequestSchema, {
    model,
    text: textAt(required(body, "content", ""), "content"),
    addSpecialTokens: read(body, "add_special", booleanAt) ?? false,
    parseSpecialTokens: read(body, "parse_special", booleanAt) ?? true,
    includePieces,
  });
  return { request, chat: undefined, write: (answer) => contentTokens(answer, includePieces) };
}

function ofPrompt(body: Json, { model, isChat }: { readonly model: string; readonly isChat: boolean }): AskedTokens {
  const includePieces = read(body, "return_token_strs", booleanAt) ?? false;
  const request = create(TokenizeRequestSchema, {
    model,
    text: isChat ? "" : textAt(required(body, "prompt", ""), "prompt"),
    addSpecialTokens: read(body, "add_special_tokens", booleanAt) ?? true,
    parseSpecialTokens: true,
    includePieces,
  });
  const chat = isChat ? chatRequestFromOpenAI(body).request : undefined;
  return { request, chat, write: (answer, contextLength) => promptTokens(answer, { includePieces, contextLength }) };
}

function contentTokens({ tokenIds, pieces }: TokenizeResponse, includePieces: boolean): ContentTokens {
  if (!includePieces) return { tokens: tokenIds };
  return { tokens: tokenIds.map((id, index) => ({ id, piece: pieceOf(pieces[index] ?? none) })) };
}

const none = new Uint8Array();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** A token's text, or its bytes where they are no whole characters, as llama-server tells them. */
function pieceOf(bytes: Uint8Array): string | number[] {
  try {
    return strict.decode(bytes);
  } catch {
    // What is no text is told as bytes: that is the answer, not a failure.
    return [...bytes];
  }
}

function promptTokens(
  { tokenIds, pieces }: TokenizeResponse,
  { includePieces, contextLength }: { readonly includePieces: boolean; readonly contextLength: number | undefined },
): PromptTokens {
  return {
    count: tokenIds.length,
    max_model_len: contextLength ?? null,
    tokens: tokenIds,
    token_strs: includePieces ? pieces.map((bytes) => lenient.decode(bytes)) : null,
  };
}

/** Reads the body of `/detokenize`. Throws `invalid_request`. */
export function detokenizeFromBody(value: unknown): DetokenizeRequest {
  const body = objectAt(value, "body");
  const tokens = listAt(required(body, "tokens", ""), "tokens");
  return create(DetokenizeRequestSchema, {
    model: read(body, "model", textAt) ?? "",
    tokenIds: tokens.map((id, index) => integerAt(id, `tokens[${index}]`)),
  });
}

/** Names fields as the caller of such a body did. */
export function tokensParamOf(body: unknown): ParamOf {
  const ofChat = paramOf(body);
  const isPrompt = typeof body === "object" && body !== null && present(body as Json, "prompt") !== undefined;
  return (field) => {
    if (field === "text") return isPrompt ? "prompt" : "content";
    return field.startsWith("token_ids") ? field.replace("token_ids", "tokens") : ofChat(field);
  };
}
