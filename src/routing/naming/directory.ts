import type { Library, ModelPurpose } from "../../core/ports.ts";
import type { Destination, Learn, Resolve, Stop } from "../../core/targets.ts";
import { defaultsOf } from "./defaults.ts";
import { noDefault, notFound, unknownProvider } from "./not-found.ts";
import { placesOf, type Place, type PlacesOptions } from "./places.ts";

/** What the directory needs. */
export interface DirectoryOptions extends PlacesOptions {
  readonly library: Pick<Library, "find" | "list" | "catalog" | "defaultId" | "watch">;
  /** Providers that are tried, each with its default model, when a model's own targets have failed. */
  readonly fallback: readonly string[];
}

/** From names to targets. */
export interface Directory {
  readonly resolve: Resolve;
  /** Learns what decides where a name leads. */
  readonly learn: Learn;
  /** Id or alias of the model that answers when none is named, at a provider or (empty) any, for a purpose or chats; undefined when there is none. */
  defaultModel(provider?: string, purpose?: ModelPurpose): string | undefined;
  /** Makes another model the default. The name must resolve. */
  setDefault(name: string): void;
  /** Whether the configuration has this name, as an alias or a route's. */
  isNamed(name: string): boolean;
  /** Whether a name leads to a provider by itself, without one being named. */
  leadsTo(model: string, provider: string): boolean;
  /** Other names that lead to a model. */
  aliasesOf(id: string): readonly string[];
}

interface Kept {
  readonly destination: Destination;
  readonly isFleeting: boolean;
  readonly renew: (() => void) | undefined;
}

/** Destinations that are kept at once; beyond it all are found anew. */
const mostKept = 1024;

/** Knows every model's name: the configuration's aliases and routes, files on disk, echo, and the models of upstreams. A name is looked up, never a path. */
export function directory(options: DirectoryOptions): Directory {
  const { library, aliases } = options;
  // Finding a destination takes microseconds, and callers ask for the same few.
  const kept = new Map<string, Kept>();
  const forgetAll = () => kept.clear();
  const forget: PlacesOptions["forget"] = (target) => (forgetAll(), options.forget(target));
  const places = placesOf({ ...options, forget });
  let chosen = options.defaultModel;
  library.watch(forgetAll);

  const leadsTo = (name: string, provider: string) =>
    places.lookUp(name, "")?.places.some(({ stop }) => stop.target.provider === provider) ?? false;
  const defaults = defaultsOf({
    ...options,
    chosen: () => chosen,
    leadsTo,
  });
  const fallbackPlaces = (name: string): readonly Place[] => {
    const upstream = options.upstreams.find((each) => each.name === name);
    if (upstream?.defaultModel !== undefined)
      return places.of({ is: "there", upstream: name, model: upstream.defaultModel, isConfigured: true });
    const model = defaults.nameOf(name, "chat");
    return model === undefined ? [] : places.of({ is: "here", provider: name, model });
  };
  const find = (asked: string, provider: string, purpose: ModelPurpose): Kept => {
    if (provider !== "" && !isProvider(provider, options)) throw unknownProvider(provider, options);
    const name = asked === "" ? defaults.nameOf(provider, purpose) : asked;
    if (name === undefined) throw noDefault({ library, provider, purpose });
    const found = places.lookUp(name, provider, purpose);
    if (found === undefined) throw notFound(library, name);
    // Vectors and orders of one model say nothing to another's, and a caller who names a provider wants no other.
    const isReplaceable = provider === "" && purpose === "chat" && options.fallback.length > 0;
    const all = isReplaceable ? afterwards(found.places, options.fallback.map(fallbackPlaces)) : found.places;
    const { hedge, rescue } = found.route ?? {};
    return { destination: { name, stops: marked(all), hedge, rescue }, isFleeting: found.isFleeting, renew: found.renew };
  };
  const keep = (key: string, found: Kept): void => {
    if (kept.size >= mostKept) kept.clear();
    kept.set(key, found);
  };
  return {
    resolve(asked, provider, purpose = "chat") {
      const key = keyOf(purpose, provider, asked);
      const known = kept.get(key);
      known?.renew?.();
      if (known !== undefined) return known.destination;
      const found = find(asked, provider, purpose);
      // A file's id may change with what is learnt of its bytes, and an unknown name may be listed.
      if (!found.isFleeting && !found.destination.stops.some(({ target }) => target.provider === options.local.name)) keep(key, found);
      return found.destination;
    },
    learn({ model, provider, purpose, signal }) {
      if (model === "" || provider !== "" || purpose !== "chat" || kept.has(keyOf(purpose, "", model))) return undefined;
      return places.learn(model, signal);
    },
    defaultModel: (provider = "", purpose = "chat") => defaults.nameOf(provider, purpose),
    setDefault(name) {
      chosen = name;
      kept.clear();
    },
    isNamed: (name) => (name !== "*" && Object.hasOwn(aliases, name)) || options.routes.some(({ model }) => model === name),
    leadsTo,
    aliasesOf: (id) =>
      Object.keys(aliases).filter((name) => name !== "*" && (aliases[name] === id || library.find(aliases[name] ?? "")?.id === id)),
  };
}

function keyOf(purpose: ModelPurpose, provider: string, asked: string): string {
  return `${purpose} ${provider} ${asked}`;
}

function isProvider(name: string, { local, echo, upstreams }: DirectoryOptions): boolean {
  return name === local.name || name === echo.name || upstreams.some((upstream) => upstream.name === name);
}

/** Places with those of fallbacks behind them, each fallback of a lower rank, without those that are there already. */
function afterwards(places: readonly Place[], fallbacks: readonly (readonly Place[])[]): readonly Place[] {
  const all = [...places];
  for (const more of fallbacks) {
    const rank = (all.at(-1)?.stop.rank ?? -1) + 1;
    const fresh = more.filter(({ stop }) => !all.some((place) => place.stop.target === stop.target));
    all.push(...fresh.map(({ stop, model }) => ({ stop: { ...stop, rank }, model })));
  }
  return all;
}

/** The stops, with those marked that mean another model than the first does. */
function marked(places: readonly Place[]): readonly Stop[] {
  const first = places[0]?.model;
  return places.map(({ stop, model }) => (model === first ? stop : { ...stop, isOtherModel: true }));
}
