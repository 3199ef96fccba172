import { ModelState, type Model } from "../../../gen/parley/v1/models_pb.ts";
import { fault } from "../../core/reasons.ts";
import { allowedModel, allowedModels } from "../allowed-models.ts";
import { pathOf, type Doors, type Exchange } from "../exchange.ts";

const notThere: ReadonlySet<ModelState> = new Set([ModelState.CATALOG, ModelState.PULLING]);

/** The models that the caller may ask for now. */
export async function listedModels({ call: { caller, signal } }: Exchange, { service }: Doors): Promise<readonly Model[]> {
  const models = await service.models.list({ includeCatalog: false, signal });
  return allowedModels(models, caller).filter(({ state }) => !notThere.has(state));
}

/** The model that the rest of the path names: ids hold slashes and colons, raw or escaped. Throws `model_not_found` and `permission_denied`. */
export function modelOfPath({ request, call: { caller, signal } }: Exchange, below: string, { service }: Doors): Promise<Model> {
  return allowedModel(decoded(pathOf(request).slice(below.length)), caller, (name) => service.models.get(name, signal));
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw fault("model_not_found", `model ${JSON.stringify(segment.slice(0, 256))} is not escaped as a URL wants it`);
  }
}
