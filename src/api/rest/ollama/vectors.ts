import { callContext } from "../../../core/context.ts";
import { only } from "../../../core/stream.ts";
import { embedKind } from "../../../core/unary-kinds.ts";
import {
  embeddingsRequestFromOllama,
  embedRequestFromOllama,
  embedResponseToOllama,
  oneEmbeddingToOllama,
  type AskedVectors,
} from "../../../dialects/ollama/embed.ts";
import { embeddingsErrorToOllama } from "../../../dialects/ollama/errors.ts";
import type { EmbedResponse } from "../../../../gen/parley/v1/embeddings_pb.ts";
import type { Doors, Exchange, Serve } from "../../exchange.ts";
import { unary } from "../../unary.ts";
import { ollamaEnvelope } from "../envelope.ts";
import { tellServed } from "../tell-served.ts";
import { jsonRoute } from "../json-route.ts";
import { loadModel } from "./load.ts";
import type { PlainName } from "./names.ts";
import { keepAsAsked } from "./stay.ts";

/** How the clients of `/api/embeddings` are told of failures. */
export const embeddingsEnvelope = { ...ollamaEnvelope, bodyOf: embeddingsErrorToOllama };

/** `POST /api/embed`. */
export function embed(doors: Doors, plainName: PlainName): Serve {
  return jsonRoute(doors, ollamaEnvelope, async (body, exchange) => {
    const asked = embedRequestFromOllama(body);
    const answer = await vectorsOf(asked, { plainName, doors, exchange });
    return answer === undefined ? { model: asked.request.model, embeddings: [] } : embedResponseToOllama(answer, asked.request.model);
  });
}

/** `POST /api/embeddings`, the older way to ask for one vector. */
export function embeddings(doors: Doors, plainName: PlainName): Serve {
  const answer = async (body: unknown, exchange: Exchange) =>
    oneEmbeddingToOllama((await vectorsOf(embeddingsRequestFromOllama(body), { plainName, doors, exchange })) ?? { embeddings: [] });
  return jsonRoute(doors, embeddingsEnvelope, answer);
}

interface Asking {
  readonly plainName: PlainName;
  readonly doors: Doors;
  readonly exchange: Exchange;
}

/** Undefined where there is nothing to embed, and the model was loaded or unloaded instead. */
async function vectorsOf(
  { request, load, stay }: AskedVectors,
  { plainName, doors, exchange }: Asking,
): Promise<EmbedResponse | undefined> {
  const model = plainName(request.model);
  if (load !== undefined) {
    await loadModel({ name: model, load, exchange }, doors);
    return undefined;
  }
  const plain = { ...request, model };
  const answer = await unary(exchange, doors, () => only(doors.service.embed(plain, callContext(exchange.call, embedKind, plain))));
  tellServed(exchange, answer.servedBy);
  keepAsAsked({ name: model, stay, exchange }, doors);
  return answer;
}
