import type { Model } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelList, ModelObject } from "./wire/models.ts";

/** When this process began, s since the epoch: models that are part of the program are as old as that. */
const processStarted = Math.floor(performance.timeOrigin / 1000);

/** OpenAI's model object, with what other servers add of the same name. */
export function modelToOpenAI(model: Model): ModelObject {
  return {
    id: model.id,
    object: "model",
    created: model.created === undefined ? processStarted : Number(model.created.seconds),
    owned_by: model.ownedBy === "" ? "local" : model.ownedBy,
    shutdown_date: null,
    ...(model.contextLength !== undefined && { max_model_len: model.contextLength }),
  };
}

/** OpenAI's list of models. */
export function modelsToOpenAI(models: readonly Model[]): ModelList {
  return { object: "list", data: models.map(modelToOpenAI) };
}
