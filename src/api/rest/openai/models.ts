import { modelsToOpenAI, modelToOpenAI } from "../../../dialects/openai/models.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { sendJson } from "../../send.ts";
import { listedModels, modelOfPath } from "../listed-models.ts";

/** `GET /v1/models`: what can be asked for now. */
export async function listModels(exchange: Exchange, doors: Doors): Promise<void> {
  sendJson(exchange, 200, modelsToOpenAI(await listedModels(exchange, doors)));
}

/** `GET /v1/models/{id}`. */
export async function getModel(exchange: Exchange, doors: Doors): Promise<void> {
  sendJson(exchange, 200, modelToOpenAI(await modelOfPath(exchange, "/v1/models/", doors)));
}
