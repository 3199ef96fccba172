import { create } from "@bufbuild/protobuf";
import { LoadModelResponseSchema, ModelSchema, ModelState, type LoadOptions, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { Library, Log, Models, Provider } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { deferred, mapStream } from "../core/stream.ts";
import { defaultSwitch } from "./default-switch.ts";
import type { Directory } from "./directory.ts";

/** What model management needs. */
export interface ModelsOptions {
  readonly directory: Directory;
  readonly library: Library;
  readonly local: Provider;
  readonly echo: Provider;
  readonly log: Log;
  /** Called after the default has changed. */
  readonly onDefaultChanged: () => void;
}

/** What there is to ask for by name, and what is done with it. */
export function models({ directory, library, local, echo, log, onDefaultChanged }: ModelsOptions): Models {
  /** The model as callers see it: with its other names, whether it is the default, and who would serve what can be pulled. */
  const decorate = (model: Model): Model => {
    const files = library.find(model.id)?.aliases ?? [];
    const aliases = [...new Set([...model.aliases, ...files, ...directory.aliasesOf(model.id)])].filter((name) => name !== model.id);
    return { ...model, provider: model.provider || local.name, aliases, isDefault: isDefault(model.id) };
  };
  const isDefault = (id: string): boolean => {
    const name = directory.defaultModel();
    return name === id || (name !== undefined && aliasTarget(name) === id);
  };
  const aliasTarget = (name: string): string | undefined => {
    try {
      return directory.resolve(name, "").stops[0]?.target.model;
    } catch {
      return undefined; // a default that is not on disk yet is nobody's
    }
  };
  const all = async (includeCatalog: boolean, signal: AbortSignal): Promise<Model[]> => {
    const lists = await Promise.all([local.listModels(signal), echo.listModels(signal)]);
    const served = lists.flat();
    const ids = new Set(served.map(({ id }) => id));
    const catalog = includeCatalog ? library.catalog().filter(({ id }) => !ids.has(id)) : [];
    return [...served, ...catalog].map(decorate).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  };
  const byId = async (id: string, signal: AbortSignal): Promise<Model> => {
    const found = (await all(true, signal)).find((model) => model.id === id);
    return found ?? create(ModelSchema, { id, ownedBy: "local", state: ModelState.UNSPECIFIED });
  };
  /** The id of a model on this machine. */
  const localId = (name: string): string => {
    const target = directory.resolve(name, "").stops[0]?.target;
    if (target?.provider === local.name) return target.model;
    throw fault("model_state", `model "${name}" is not a file on this machine: there is nothing to load or unload`);
  };

  const switchDefault = defaultSwitch({ directory, library, local, log });

  return {
    list: ({ includeCatalog, signal }) => all(includeCatalog, signal),
    async get(name, signal) {
      const inCatalog = library.catalog().find(({ id }) => id === name);
      if (inCatalog !== undefined) return decorate(inCatalog);
      return byId(directory.resolve(name, "").stops[0]?.target.model ?? name, signal);
    },
    load(name, options: LoadOptions | undefined, signal) {
      const id = localId(name);
      const steps = deferred(async () => local.local?.load(id, options, signal) ?? nothing());
      return mapStream(steps, (step) =>
        create(LoadModelResponseSchema, { ...step, model: decorate(step.model ?? create(ModelSchema, { id })) }),
      );
    },
    async unload(name, signal) {
      const id = localId(name);
      await local.local?.unload(id);
      return byId(id, signal);
    },
    pull: (id, signal) => library.pull(id, signal),
    async remove(name) {
      const id = library.find(name)?.id ?? name;
      const state = (await local.listModels(AbortSignal.timeout(10_000))).find((model) => model.id === id)?.state;
      if (state === ModelState.READY || state === ModelState.LOADING) {
        throw fault("model_state", `model "${id}" is loaded: unload it before its file is deleted`);
      }
      return library.remove(id);
    },
    async setDefault(name, signal) {
      const { id, before } = await switchDefault(name, signal);
      const previous = before === undefined ? "" : (aliasTarget(before) ?? before);
      log.info("default model changed", { model: id, previous });
      onDefaultChanged();
      return { model: await byId(id, signal), previous };
    },
  };
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
