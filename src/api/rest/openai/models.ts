import { ModelState } from "../../../../gen/parley/v1/models_pb.ts";
import { fault } from "../../../core/reasons.ts";
import { modelsToOpenAI, modelToOpenAI } from "../../../dialects/openai/models.ts";
import { allowedModel, allowedModels } from "../../allowed-models.ts";
import { pathOf, type Doors, type Exchange } from "../../exchange.ts";
import { sendJson } from "../../send.ts";

/** `GET /v1/models`: what can be asked for now. */
export async function listModels(exchange: Exchange, { service }: Doors): Promise<void> {
  const { caller, signal } = exchange.call;
  const models = allowedModels(await service.models.list({ includeCatalog: false, signal }), caller);
  sendJson(exchange, 200, modelsToOpenAI(models.filter(({ state }) => state !== ModelState.CATALOG && state !== ModelState.PULLING)));
}

/** `GET /v1/models/{id}`: ids hold slashes and colons, raw or escaped. */
export async function getModel(exchange: Exchange, { service }: Doors): Promise<void> {
  const id = decoded(pathOf(exchange.request).slice("/v1/models/".length));
  const { caller, signal } = exchange.call;
  sendJson(exchange, 200, modelToOpenAI(await allowedModel(id, caller, (name) => service.models.get(name, signal))));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw fault("model_not_found", `model ${JSON.stringify(segment.slice(0, 256))} is not escaped as a URL wants it`);
  }
}
