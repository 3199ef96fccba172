import type { Model } from "../../../gen/parley/v1/models_pb.ts";

/** OpenAI's model object, with what other servers add of the same name. */
export function modelToOpenAI(model: Model): object {
  return {
    id: model.id,
    object: "model",
    created: Number(model.created?.seconds ?? 0n),
    owned_by: model.ownedBy === "" ? "local" : model.ownedBy,
    ...(model.contextLength !== undefined && { max_model_len: model.contextLength }),
  };
}

/** OpenAI's list of models. */
export function modelsToOpenAI(models: readonly Model[]): object {
  return { object: "list", data: models.map(modelToOpenAI) };
}
