import type { ServiceImpl } from "@connectrpc/connect";
import type { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import type { Models } from "../../core/ports.ts";
import { invalidField } from "../../core/reasons.ts";
import { allowedModel, allowedModels } from "../allowed-models.ts";
import { callOf } from "./exchange-key.ts";
import { page } from "./page.ts";

/** The RPCs of ModelService that manage models; WarmPrompt is work and stands with the others of its kind. */
export function modelDoor(models: Models): Partial<ServiceImpl<typeof ModelService>> {
  return {
    async listModels({ pageSize, pageToken, includeCatalog }, context) {
      const { caller, signal } = callOf(context);
      const all = allowedModels(await models.list({ includeCatalog, signal }), caller);
      const { items, nextPageToken } = page(all, ({ id }) => id, { pageSize, pageToken });
      return { models: [...items], nextPageToken };
    },
    async getModel({ model }, context) {
      const { caller, signal } = callOf(context);
      return { model: await allowedModel(model, caller, (name) => models.get(name, signal)) };
    },
    loadModel: ({ model, options }, context) => models.load(named(model), options, callOf(context).signal),
    unloadModel: async ({ model }, context) => ({ model: await models.unload(named(model), callOf(context).signal) }),
    async setDefaultModel({ model }, context) {
      const { model: chosen, previous } = await models.setDefault(named(model), callOf(context).signal);
      return { model: chosen, previousModel: previous };
    },
    pullModel: ({ model }, context) => models.pull(named(model), callOf(context).signal),
    deleteModel: async ({ model }) => ({ freedBytes: BigInt(await models.remove(named(model))) }),
  };
}

/** A management call never means the default by saying nothing. */
function named(model: string): string {
  if (model === "") throw invalidField("model", "is required");
  return model;
}
