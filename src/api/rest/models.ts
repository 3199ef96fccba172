import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import { fault } from "../../core/reasons.ts";
import { modelsToOpenAI, modelToOpenAI } from "../../dialects/openai/models.ts";
import { pathOf, type Doors, type Exchange } from "../exchange.ts";
import { sendJson } from "../send.ts";

/** `GET /v1/models`: what can be asked for now. */
export async function listModels(exchange: Exchange, { service }: Doors): Promise<void> {
  const models = await service.models.list({ includeCatalog: false, signal: exchange.call.signal });
  sendJson(exchange, 200, modelsToOpenAI(models.filter(({ state }) => state !== ModelState.CATALOG && state !== ModelState.PULLING)));
}

/** `GET /v1/models/{id}`: ids hold slashes and colons, raw or escaped. */
export async function getModel(exchange: Exchange, { service }: Doors): Promise<void> {
  const id = decoded(pathOf(exchange.request).slice("/v1/models/".length));
  sendJson(exchange, 200, modelToOpenAI(await service.models.get(id, exchange.call.signal)));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw fault("model_not_found", `model ${JSON.stringify(segment.slice(0, 256))} is not escaped as a URL wants it`);
  }
}
