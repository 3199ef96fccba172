import { createHash } from "node:crypto";
import type { Model } from "../../../../gen/parley/v1/models_pb.ts";
import { isLocalProvider } from "../../../core/local-providers.ts";
import { isListed, isRunning, listedModel, runningModel, shownModel, type KnownModel } from "../../../dialects/ollama/models.ts";
import { modelAt } from "../../../dialects/ollama/names.ts";
import type { Running, Shown, Tags, Version } from "../../../dialects/ollama/wire/models.ts";
import { booleanAt, objectAt, read } from "../../../dialects/openai/read.ts";
import { allowedModel, allowedModels } from "../../allowed-models.ts";
import type { Doors, Exchange, Serve } from "../../exchange.ts";
import { sendJson } from "../../send.ts";
import { ollamaEnvelope } from "../envelope.ts";
import { jsonRoute } from "../json-route.ts";
import { refuseCatalog } from "./load.ts";
import type { PlainName } from "./names.ts";

/** The version of Ollama whose API this is: clients that ask for it refuse older ones. */
const apiVersion = "0.13.0";

/** `GET /api/tags`: what can be asked for now. */
export async function tags(exchange: Exchange, doors: Doors): Promise<void> {
  const models = (await known(exchange, doors)).filter(({ model }) => isListed(model));
  const answer: Tags = { models: models.map((model) => listedModel(model, digest)) };
  sendJson(exchange, 200, answer);
}

/** `GET /api/ps`: what is in this machine's memory. */
export async function running(exchange: Exchange, doors: Doors): Promise<void> {
  const nowMs = doors.clock.now();
  const models = (await known(exchange, doors)).filter(isRunning);
  const answer: Running = { models: models.map((model) => runningModel(model, digest, nowMs)) };
  sendJson(exchange, 200, answer);
}

/** `GET /api/version`. */
export async function version(exchange: Exchange, { service }: Doors): Promise<void> {
  const answer: Version = { version: apiVersion, parley: service.about.version };
  sendJson(exchange, 200, answer);
}

/** `POST /api/show`: what is known of a model. */
export function show(doors: Doors, plainName: PlainName): Serve {
  const { models } = doors.service;
  return jsonRoute(doors, ollamaEnvelope, async (json, exchange): Promise<Shown> => {
    const body = objectAt(json, "body");
    const name = plainName(modelAt(body));
    // The same is told either way: a vocabulary is no use to who has no engine for it.
    read(body, "verbose", booleanAt);
    const { caller, signal } = exchange.call;
    const model = await allowedModel(name, caller, (asked) => models.get(asked, signal));
    refuseCatalog(model);
    const facts = factsOf(model, doors);
    return shownModel({ model, facts }, facts === undefined ? undefined : await models.metadata(name));
  });
}

/** `DELETE /api/delete`: deletes a model's file. */
export function deleteModel(doors: Doors, plainName: PlainName): Serve {
  return jsonRoute(doors, ollamaEnvelope, async (json, { response }) => {
    await doors.service.models.remove(plainName(modelAt(objectAt(json, "body"))));
    response.writeHead(200, { "content-length": 0 });
    response.end();
    return undefined;
  });
}

/** The models that the caller's key allows. */
async function known({ call: { caller, signal } }: Exchange, doors: Doors): Promise<KnownModel[]> {
  const models = allowedModels(await doors.service.models.list({ includeCatalog: false, signal }), caller);
  return models.map((model) => ({ model, facts: factsOf(model, doors) }));
}

function factsOf({ id, provider }: Model, { service }: Doors): KnownModel["facts"] {
  return isLocalProvider(provider) ? service.models.facts(id) : undefined;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
