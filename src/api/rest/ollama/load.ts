import { ModelState, type Model } from "../../../../gen/parley/v1/models_pb.ts";
import { fault } from "../../../core/reasons.ts";
import type { AskedLoad } from "../../../dialects/ollama/load.ts";
import { allowedModel } from "../../allowed-models.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { mayManage } from "../../may-manage.ts";

/** A model that is to be loaded or unloaded, and who wants it. */
export interface Loading {
  readonly name: string;
  readonly load: AskedLoad;
  readonly exchange: Exchange;
}

/**
 * Loads or unloads a model, as clients do by asking it nothing. What stands elsewhere, or is as it is wanted already, is left as it is, whoever asks; all else is for those who may manage.
 * Throws `permission_denied`, and what loading throws.
 */
export async function loadModel({ name, load, exchange: { call } }: Loading, { service: { models } }: Doors): Promise<void> {
  const { caller, signal } = call;
  const model = await allowedModel(name, caller, (asked) => models.get(asked, signal));
  // Whatever has no file here is always there.
  if (models.facts(model.id) === undefined) return refuseCatalog(model);
  if (isAsWanted(model, load)) return;
  if (!mayManage(caller)) throw notForAll(load);
  if (load.isUnload) await models.unload(model.id, signal);
  else for await (const step of models.load(model.id, load.options, signal)) void step;
}

/** Refuses a model that is only an entry of the catalog. */
export function refuseCatalog({ id, state }: Model): void {
  if (state !== ModelState.CATALOG && state !== ModelState.PULLING) return;
  throw fault("model_not_found", `model "${id}" is in the catalog and not on disk: pull it first`, { metadata: { model: id } });
}

function isAsWanted({ state, memoryBytes }: Model, { isUnload, options }: AskedLoad): boolean {
  const isLoaded = memoryBytes !== undefined;
  return isUnload ? !isLoaded && state !== ModelState.LOADING : isLoaded && options === undefined;
}

function notForAll({ isUnload }: AskedLoad): Error {
  const what = isUnload ? "to unload a model" : "to load a model, or to change how long it stays,";
  return fault("permission_denied", `${what} is for programs on the service's own machine, and for keys with the scope admin`);
}
