import type { Model } from "../../gen/parley/v1/models_pb.ts";
import type { Caller } from "../core/context.ts";
import { mayUse } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";

/** Those of a list that the caller's key allows, each by the names that it allows: a model of which it knows an alias alone has that for its id. */
export function allowedModels(models: readonly Model[], caller: Caller): readonly Model[] {
  if (caller.models === undefined) return models;
  return models.flatMap((model) => {
    const [id, ...aliases] = [model.id, ...model.aliases].filter((name) => mayUse(caller, [name]));
    return id === undefined ? [] : [{ ...model, id, aliases }];
  });
}

/** Looks a model up by a name that the caller's key allows; an empty name is the default's. Throws `permission_denied`, for names of nothing too. */
export async function allowedModel(name: string, caller: Caller, get: (name: string) => Promise<Model>): Promise<Model> {
  if (name !== "" && !mayUse(caller, [name])) throw notAllowed(name);
  const [model] = allowedModels([await get(name)], caller);
  if (model === undefined) throw notAllowed(name);
  return model;
}

function notAllowed(model: string): Error {
  return fault("permission_denied", `this key does not allow model ${JSON.stringify(model.slice(0, 256))}`);
}
