import type { ServiceImpl } from "@connectrpc/connect";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { Model, ModelService } from "../../../gen/parley/v1/models_pb.ts";
import type { Models } from "../../core/ports.ts";
import { invalidField } from "../../core/reasons.ts";
import { callOf } from "./exchange-key.ts";

const defaultPageSize = 100;
const maxPageSize = 1000;

/** The RPCs of ModelService that manage models; WarmPrompt is work and stands with the others of its kind. */
export function modelDoor(models: Models): Partial<ServiceImpl<typeof ModelService>> {
  return {
    async listModels({ pageSize, pageToken, includeCatalog }, context) {
      const all = await models.list({ includeCatalog, signal: callOf(context).signal });
      return page(all, pageSize, pageToken);
    },
    getModel: async ({ model }, context) => ({ model: await models.get(model, callOf(context).signal) }),
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

/** One page of models by id. The token is the last id of the page before, so that models which come and go between pages shift nothing. */
function page(all: readonly Model[], pageSize: number, pageToken: string): { models: Model[]; nextPageToken: string } {
  if (pageSize < 0 || pageSize > maxPageSize) throw invalidField("page_size", `${pageSize} is outside 0 to ${maxPageSize}`);
  const after = pageToken === "" ? "" : lastIdOf(pageToken);
  const rest = all.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const models = rest.slice(0, pageSize === 0 ? defaultPageSize : pageSize);
  const last = models.at(-1);
  const nextPageToken = rest.length > models.length && last !== undefined ? tokenOf(last.id) : "";
  return { models, nextPageToken };
}

const mark = "after:";

function tokenOf(id: string): string {
  return base64Encode(new TextEncoder().encode(mark + id), "url");
}

function lastIdOf(token: string): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(base64Decode(token));
    if (text.startsWith(mark)) return text.slice(mark.length);
  } catch {
    // Not one of ours: refused below like any other.
  }
  throw invalidField("page_token", "is not the next_page_token of a page before");
}
