import { create } from "@bufbuild/protobuf";
import { LoadModelResponseSchema, ModelSchema, ModelState, type LoadOptions, type Model } from "../../../gen/parley/v1/models_pb.ts";
import type { Library, Log, Models, Provider } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { RouteSettings } from "../../core/routes.ts";
import { throwIfAborted, untilAborted } from "../../core/signals.ts";
import { deferred, mapStream } from "../../core/stream.ts";
import { defaultSwitch } from "./default-switch.ts";
import type { Directory } from "../naming/directory.ts";
import { localFacts } from "./local-facts.ts";
import { notFound } from "../naming/not-found.ts";
import type { RemoteModels } from "../naming/remote-models.ts";

/** What model management needs. */
export interface ModelsOptions {
  readonly directory: Directory;
  readonly library: Library;
  readonly local: Provider;
  readonly echo: Provider;
  readonly remote: RemoteModels;
  /** Names of the configuration that lead to targets. */
  readonly routes: readonly RouteSettings[];
  readonly log: Log;
  /** Called after the default has changed. */
  readonly onDefaultChanged: () => void;
}

/** What there is to ask for by name, and what is done with it. */
export function models(options: ModelsOptions): Models {
  const { directory, library, local, log, onDefaultChanged } = options;
  const { list, byId, idAt, decorate } = lists(options);
  /** The id of a model on this machine. */
  const localId = (name: string): string => {
    const target = directory.resolve(name, "").stops[0]?.target;
    if (target?.provider === local.name) return target.model;
    throw fault("model_state", `model "${name}" is not a file on this machine: there is nothing to load, unload or delete`);
  };
  const switchDefault = defaultSwitch({ directory, library, local, log });

  return {
    list,
    isKnown: (name) => isKnown(name, options),
    async get(name, signal) {
      const inCatalog = library.catalog().find(({ id }) => id === name);
      if (inCatalog !== undefined) return decorate(inCatalog);
      // What leads nowhere is refused in the words of whoever looked.
      return byId(idAt(name) ?? directory.resolve(name, "").name, signal);
    },
    load(name, choices: LoadOptions | undefined, signal) {
      const id = localId(name);
      const steps = deferred(async () => local.local?.load(id, choices, signal) ?? nothing());
      return mapStream(steps, (step) =>
        create(LoadModelResponseSchema, { ...step, model: decorate(step.model ?? create(ModelSchema, { id })) }),
      );
    },
    async unload(name, signal) {
      const id = localId(name);
      await unloaded(id, local, signal);
      return byId(id, signal);
    },
    pull: (id, signal) => library.pull(id, signal),
    async remove(name) {
      const id = library.find(name)?.id ?? name;
      const state = (await local.listModels(AbortSignal.timeout(10_000))).find((model) => model.id === id)?.state;
      if (local.local?.isBusy(id) === true)
        throw fault("model_state", `model "${id}" answers calls: ask again when they have ended, or unload it, which waits for them`);
      // Loaded for calls that have ended: nobody notices.
      if (state === ModelState.READY || state === ModelState.LOADING) await local.local?.unload(id);
      // What leads to an upstream only because every name does is a model that nobody has.
      const elsewhere = library.find(name) === undefined ? providerOf(directory, name) : undefined;
      if (elsewhere !== undefined && (isKnown(name, options) || name.startsWith(`${elsewhere}/`))) localId(name);
      return library.remove(id);
    },
    async setDefault(name, signal) {
      const { before } = await switchDefault(name, signal);
      const previous = before === undefined ? "" : (idAt(before) ?? before);
      const id = idAt(name) ?? name;
      log.info("default model changed", { model: id, previous });
      onDefaultChanged();
      return { model: await byId(id, signal), previous };
    },
    ...localFacts(options),
  };
}

function isKnown(name: string, { directory, library, remote }: ModelsOptions): boolean {
  const isHere = directory.isNamed(name) || library.find(name) !== undefined || library.catalog().some(({ id }) => id === name);
  return isHere || remote.isListed(name);
}

/** Waits for all of a model's streams: who has left begins nothing, and who leaves then waits no longer, while it goes on, as a load does. */
async function unloaded(id: string, { local }: Provider, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  if (local !== undefined) await untilAborted(local.unload(id), signal);
}

/** What is listed, and under which id. */
function lists({ directory, library, local, echo, remote, routes }: ModelsOptions) {
  /** The id that a name's model is listed by; undefined where the name leads nowhere now. */
  const idAt = (name: string): string | undefined => {
    if (routes.some(({ model }) => model === name)) return name;
    try {
      const target = directory.resolve(name, "").stops[0]?.target;
      return target && (remote.idOf(target.provider, target.model) ?? target.model);
    } catch {
      return undefined; // a default that is not on disk yet is nobody's
    }
  };
  const defaultId = (): string | undefined => {
    const name = directory.defaultModel();
    return name === undefined ? undefined : (idAt(name) ?? name);
  };
  /** Puts on a model what callers see: its other names, whether it is the default, and who would serve what can be pulled. */
  const decorated = (model: Model, standing: string | undefined): Model => {
    const files = library.find(model.id)?.aliases ?? [];
    const aliases = [...new Set([...model.aliases, ...files, ...directory.aliasesOf(model.id)])].filter((name) => name !== model.id);
    return { ...model, provider: model.provider || local.name, aliases, isDefault: model.id === standing };
  };
  /** Names of routes, as their first target stands; a file of such a name is hidden by it. */
  const routed = (served: readonly Model[]): Model[] =>
    routes.map(({ model: id, targets: [first] }) => {
      const at = first?.upstream ?? "";
      const known = served.find((model) => model.id === first?.model && model.provider === at);
      if (known !== undefined) return { ...known, id, aliases: [] };
      const missing = { state: ModelState.FAILED, problem: `there is no file of the model "${first?.model}"` };
      return create(ModelSchema, { id, provider: at, ownedBy: at, state: ModelState.READY, ...(at === local.name && missing) });
    });
  const all = async (includeCatalog: boolean, signal: AbortSignal): Promise<Model[]> => {
    const here = (await Promise.all([local.listModels(signal), echo.listModels(signal)])).flat();
    const served = [...routed(here), ...here, ...(await remote.list(signal))];
    const catalog = includeCatalog ? library.catalog() : [];
    const standing = defaultId();
    return firstOfEach([...served, ...catalog])
      .map((model) => decorated(model, standing))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  };
  const byId = async (id: string, signal: AbortSignal): Promise<Model> => {
    const found = (await all(true, signal)).find((model) => model.id === id);
    if (found !== undefined) return found;
    const provider = providerOf(directory, id);
    const told = provider === undefined ? undefined : await remote.listOf(provider, signal);
    if (told !== undefined && id !== defaultId()) throw notFound(library, id);
    const unknown = create(ModelSchema, { id, provider: provider ?? "", ownedBy: provider ?? "local", state: stateOf(provider, local) });
    return decorated(unknown, defaultId());
  };
  return {
    idAt,
    byId,
    decorate: (model: Model) => decorated(model, defaultId()),
    list: ({ includeCatalog, signal }: { readonly includeCatalog: boolean; readonly signal: AbortSignal }) => all(includeCatalog, signal),
  };
}

/** What an upstream serves though it does not list it is there for all that is known. */
function stateOf(provider: string | undefined, local: Provider): ModelState {
  return provider === undefined || provider === local.name ? ModelState.UNSPECIFIED : ModelState.READY;
}

function providerOf(directory: Directory, name: string): string | undefined {
  try {
    return directory.resolve(name, "").stops[0]?.target.provider;
  } catch {
    return undefined;
  }
}

/** One model an id, as the names lead: routes, then files, then upstreams. */
function firstOfEach(all: readonly Model[]): Model[] {
  const byId = new Map<string, Model>();
  for (const model of all) if (!byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()];
}

async function* nothing(): AsyncGenerator<never, void, undefined> {}
