import { create } from "@bufbuild/protobuf";
import { LoadModelResponseSchema, ModelSchema, ModelState, type LoadOptions, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { Library, Log, Models, Provider } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { deferred, mapStream } from "../core/stream.ts";
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
      return directory.resolve(name, "").targets[0]?.model;
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
    const [target] = directory.resolve(name, "").targets;
    if (target?.provider === local.name) return target.model;
    throw fault("model_state", `model "${name}" is not a file on this machine: there is nothing to load or unload`);
  };

  /** Turns of those who asked for another default: whoever asked later has the say, however long an earlier one's load takes. */
  let lastTurn = 0;
  let chosenTurn = 0;
  /** Loads a model of this machine that is to be the default: until it is loaded, the old one answers, so that nobody waits. */
  const prepare = async (id: string, signal: AbortSignal): Promise<void> => {
    if ((library.find(id)?.purpose ?? "chat") !== "chat")
      throw fault("model_state", `model "${id}" does not chat: choose a chat model as the default`);
    for await (const { fractionDone } of local.local?.load(id, undefined, signal) ?? nothing())
      log.debug("the next default is being loaded", { model: id, fractionDone });
  };

  return {
    list: ({ includeCatalog, signal }) => all(includeCatalog, signal),
    async get(name, signal) {
      const inCatalog = library.catalog().find(({ id }) => id === name);
      if (inCatalog !== undefined) return decorate(inCatalog);
      return byId(directory.resolve(name, "").targets[0]?.model ?? name, signal);
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
      const [target] = directory.resolve(name, "").targets;
      // The default answers chats: what was made for something else would refuse each of them.
      if ((library.find(target?.model ?? "")?.purpose ?? "chat") !== "chat")
        throw fault("model_state", `model "${name}" does not chat: choose a chat model as the default`);
      const turn = ++lastTurn;
      if (target?.provider === local.name) await prepare(target.model, signal);
      if (turn < chosenTurn)
        throw fault(
          "model_state",
          `somebody made "${directory.defaultModel()}" the default while model "${name}" was loaded: ask again if it should be`,
        );
      chosenTurn = turn;
      const before = directory.defaultModel();
      const previous = before === undefined ? "" : (aliasTarget(before) ?? before);
      directory.setDefault(name);
      log.info("default model changed", { model: target?.model, previous });
      onDefaultChanged();
      return { model: await byId(target?.model ?? name, signal), previous };
    },
  };
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
