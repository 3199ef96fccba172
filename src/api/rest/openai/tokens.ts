import { create } from "@bufbuild/protobuf";
import {
  RenderPromptRequestSchema,
  type DetokenizeRequest,
  type DetokenizeResponse,
  type RenderPromptRequest,
  type RenderPromptResponse,
} from "../../../../gen/parley/v1/tokens_pb.ts";
import { once, only } from "../../../core/stream.ts";
import { detokenizeKind, renderPromptKind, tokenizeKind } from "../../../core/unary-kinds.ts";
import type { Work } from "../../../core/work.ts";
import { paramOf } from "../../../dialects/openai/errors.ts";
import { chatRequestFromOpenAI } from "../../../dialects/openai/request.ts";
import { detokenizeFromBody, tokensFromBody, tokensParamOf, type AskedTokens } from "../../../dialects/openai/tokens.ts";
import type { ApplyTemplateAnswer, DetokenizeAnswer, TokenizeAnswer } from "../../../dialects/openai/wire/tokens.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { openaiEnvelope } from "../envelope.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** An answer that does not tell who served it. */
interface Untold {
  readonly servedBy?: undefined;
}

interface Split extends Untold {
  readonly answer: TokenizeAnswer;
}

/** `POST /tokenize`, as llama-server and vLLM have it. */
export function tokenize(doors: Doors): Serve {
  return wholeAnswer(doors, {
    kind: { operation: tokenizeKind.operation, modelOf: ({ request }: AskedTokens) => request.model },
    work: tokensOf(doors),
    envelopeFor: (body) => openaiEnvelope(tokensParamOf(body)),
    read: (body) => ({ request: tokensFromBody(body), write: ({ answer }) => answer }),
  });
}

/** Splits a text, or the prompt of a conversation as a chat of it is then billed. */
function tokensOf({ service }: Doors): Work<AskedTokens, Split> {
  const { models } = service;
  return (asked, context) =>
    once(async () => {
      const text = asked.chat === undefined ? asked.request.text : await promptOf(asked.chat);
      const tokens = await only(service.tokenize({ ...asked.request, text }, context));
      const { contextLength } = await models.get(asked.request.model, context.signal);
      return { answer: asked.write(tokens, contextLength) };

      async function promptOf(chat: NonNullable<AskedTokens["chat"]>): Promise<string> {
        const request = create(RenderPromptRequestSchema, { chat });
        return (await only(service.renderPrompt(request, { ...context, operation: renderPromptKind.operation }))).prompt;
      }
    });
}

/** `POST /detokenize`, as llama-server and vLLM have it. */
export function detokenize(doors: Doors): Serve {
  return wholeAnswer<DetokenizeRequest, DetokenizeResponse & Untold>(doors, {
    kind: detokenizeKind,
    work: doors.service.detokenize,
    envelopeFor: (body) => openaiEnvelope(tokensParamOf(body)),
    read: (body) => ({ request: detokenizeFromBody(body), write: ({ text }): DetokenizeAnswer => ({ content: text, prompt: text }) }),
  });
}

/** `POST /apply-template`, as llama-server has it. */
export function applyTemplate(doors: Doors): Serve {
  return wholeAnswer<RenderPromptRequest, RenderPromptResponse & Untold>(doors, {
    kind: renderPromptKind,
    work: doors.service.renderPrompt,
    envelopeFor: (body) => openaiEnvelope(paramOf(body)),
    read: (body) => ({
      request: create(RenderPromptRequestSchema, { chat: chatRequestFromOpenAI(body).request }),
      write: ({ prompt }): ApplyTemplateAnswer => ({ prompt }),
    }),
  });
}
