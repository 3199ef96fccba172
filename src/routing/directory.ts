import type { Library, ModelFile, ModelPurpose, Provider } from "../core/ports.ts";
import type { Destination, Resolve, Target } from "../core/targets.ts";
import { fault } from "../core/reasons.ts";
import { plainStop } from "../core/stops.ts";
import { isEcho, leadsOf, type Lead, type NameRules } from "./names.ts";

/** What the directory needs. */
export interface DirectoryOptions extends NameRules {
  readonly library: Pick<Library, "find" | "list" | "catalog" | "defaultId">;
  /** The provider of models on this machine. */
  readonly local: Provider;
  readonly echo: Provider;
  /** Model that answers when none is named; empty: found out. */
  readonly defaultModel: string;
  /** `auto`, or the name of the provider whose model answers when none is named. */
  readonly defaultProvider: string;
  /** Puts the target layers around one model of a provider; called once a pair. */
  readonly target: (provider: Provider, model: string) => Target;
}

/** From names to targets. */
export interface Directory {
  readonly resolve: Resolve;
  /** Id or alias of the model that answers when none is named, at a provider or (empty) any, for a purpose or chats; undefined when there is none. */
  defaultModel(provider?: string, purpose?: ModelPurpose): string | undefined;
  /** Makes another model the default. The name must resolve. */
  setDefault(name: string): void;
  /** Other names that lead to a model. */
  aliasesOf(id: string): readonly string[];
}

/** Knows every model's name: the configuration's aliases, files on disk, and echo. A name is looked up, never a path. */
export function directory(options: DirectoryOptions): Directory {
  const { library, local, echo, aliases, target } = options;
  const targets = new Map<string, Target>();
  let chosen = options.defaultModel;

  const targetOf = (provider: Provider, model: string): Target => {
    const key = `${provider.name}/${model}`;
    const known = targets.get(key) ?? target(provider, model);
    targets.set(key, known);
    return known;
  };
  const find = (lead: Lead): Target | undefined => {
    const file = lead.provider === echo.name ? undefined : library.find(lead.model);
    if (file !== undefined) return targetOf(local, file.id);
    return isEcho(lead) ? targetOf(echo, "echo") : undefined;
  };
  const lookUp = (name: string): Target | undefined => firstOf(leadsOf(name, options), find);
  const defaultModel = (provider = "", purpose: ModelPurpose = "chat"): string | undefined => {
    if (provider === echo.name) return "echo";
    if (purpose !== "chat") return onlyOne(options, purpose);
    return chosen === "" ? defaultOf(options) : chosen;
  };
  /** The name that is meant where none was given. */
  const unnamed = (provider: string, purpose: ModelPurpose): string => {
    const name = defaultModel(provider, purpose);
    if (name !== undefined) return name;
    throw noDefault(options, purpose);
  };
  return {
    resolve(asked, provider, purpose = "chat"): Destination {
      if (provider !== "" && provider !== local.name && provider !== echo.name) {
        const message = `there is no provider "${provider}"; there are ${local.name} and ${echo.name}`;
        throw fault("provider_not_found", message, { metadata: { provider } });
      }
      const name = asked === "" ? unnamed(provider, purpose) : asked;
      const found = lookUp(name);
      if (found === undefined) throw notFound(options, name);
      if (provider !== "" && found.provider !== provider) {
        throw fault("model_not_found", `provider "${provider}" has no model "${name}"; ${found.provider} has`, {
          metadata: { model: name },
        });
      }
      return { name, stops: [plainStop(found)] };
    },
    defaultModel,
    setDefault: (name) => void (chosen = name),
    aliasesOf: (id) =>
      Object.keys(aliases).filter((name) => name !== "*" && (aliases[name] === id || library.find(aliases[name] ?? "")?.id === id)),
  };
}

function firstOf<Item, Result>(items: readonly Item[], find: (item: Item) => Result | undefined): Result | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The only model on disk that chats, else the catalog's default if it is there, else echo, unless the provider is named. */
function defaultOf({ library, defaultProvider, local, echo }: DirectoryOptions): string | undefined {
  if (defaultProvider === echo.name) return "echo";
  const usable = usableFor("chat", library);
  const onDisk = usable.length === 1 ? usable[0]?.id : usable.find(({ id }) => id === library.defaultId)?.id;
  return onDisk ?? (defaultProvider === local.name ? undefined : "echo");
}

/** The only model on disk that was made for a purpose: of several none is the default, for vectors of one say nothing to another. */
function onlyOne({ library }: Pick<DirectoryOptions, "library">, purpose: ModelPurpose): string | undefined {
  const usable = usableFor(purpose, library);
  return usable.length === 1 ? usable[0]?.id : undefined;
}

function usableFor(wanted: ModelPurpose, library: Pick<Library, "list">): readonly ModelFile[] {
  return library.list().filter(({ purpose, problem }) => purpose === wanted && problem === "");
}

const kinds: Readonly<Record<ModelPurpose, string>> = { chat: "", embed: "embedding ", rerank: "reranking " };

function noDefault({ library }: DirectoryOptions, purpose: ModelPurpose): Error {
  const several = usableFor(purpose, library).map(({ id }) => id);
  const advice =
    several.length > 1
      ? `name one of ${several.slice(0, 10).join(", ")}`
      : "add a GGUF file to the model folder, pull one with `parley models pull`, or name a model";
  return fault("model_not_found", `there is no default ${kinds[purpose]}model: ${advice}`);
}

function notFound({ library }: DirectoryOptions, name: string): Error {
  const isInCatalog = library.catalog().some(({ id }) => id === name);
  const advice = isInCatalog
    ? `it is in the catalog: bring it with \`parley models pull ${name}\``
    : "list what there is with GET /v1/models or `parley models list`";
  return fault("model_not_found", `there is no model "${name}"; ${advice}`, { metadata: { model: name } });
}
