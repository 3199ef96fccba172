import { embedKind } from "../../../core/unary-kinds.ts";
import { usualDialect } from "../../../core/openai-dialect.ts";
import { refuseUnknown } from "../../../dialects/openai/dialect-options.ts";
import {
  embeddingParamOf,
  embedRequestFromOpenAI,
  embedResponseToOpenAI,
  refusedInEmbeddings,
} from "../../../dialects/openai/embeddings.ts";
import { EmbeddingRequest } from "../../../dialects/openai/wire/embeddings.ts";
import type { Doors, Serve } from "../../exchange.ts";
import { openaiEnvelope } from "../envelope.ts";
import { wholeAnswer } from "../whole-answer.ts";

const known = new Set([...Object.keys(EmbeddingRequest.properties), ...refusedInEmbeddings]);

/** `POST /v1/embeddings`, as OpenAI has it. */
export function embeddings(doors: Doors): Serve {
  const { openai = usualDialect } = doors;
  return wholeAnswer(doors, {
    kind: embedKind,
    work: doors.service.embed,
    envelopeFor: (body) => openaiEnvelope(embeddingParamOf(body)),
    read(body) {
      if (openai.refusesUnknown) refuseUnknown(body, known);
      const asked = embedRequestFromOpenAI(body);
      return { request: asked.request, write: (answer) => embedResponseToOpenAI(answer, asked) };
    },
  });
}
