import { embedKind } from "../../../core/unary-kinds.ts";
import { embeddingParamOf, embedRequestFromOpenAI, embedResponseToOpenAI } from "../../../dialects/openai/embeddings.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { openaiEnvelope } from "../envelope.ts";
import { wholeAnswer } from "../whole-answer.ts";

/** `POST /v1/embeddings`, as OpenAI has it. */
export function embeddings(doors: Doors): Serve {
  return wholeAnswer(doors, {
    kind: embedKind,
    work: doors.service.embed,
    envelopeFor: (body) => openaiEnvelope(embeddingParamOf(body)),
    read(body) {
      const asked = embedRequestFromOpenAI(body);
      return { request: asked.request, write: (answer) => embedResponseToOpenAI(answer, asked) };
    },
  });
}
