import { fillOf } from "../core/fill.ts";
import type { Library, ModelFile, ModelPurpose, Provider } from "../core/ports.ts";
import type { RouteSettings, RouteTarget } from "../core/routes.ts";
import { plainStop } from "../core/stops.ts";
import type { Destination, Resolve, Stop, Target } from "../core/targets.ts";
import { defaultsOf } from "./defaults.ts";
import { isEcho, lastLead, leadAt, leadsOf, type Lead, type NameRules } from "./names.ts";
import { noDefault, notFound, notThere, unknownProvider } from "./not-found.ts";
import { remoteTargets, type MakeTarget, type RoutedUpstream } from "./remote-targets.ts";

/** What the directory needs. */
export interface DirectoryOptions extends NameRules {
  readonly library: Pick<Library, "find" | "list" | "catalog" | "defaultId">;
  /** The provider of models on this machine. */
  readonly local: Provider;
  readonly echo: Provider;
  readonly upstreams: readonly RoutedUpstream[];
  /** Model that answers when none is named; empty: found out. */
  readonly defaultModel: string;
  /** Providers that are tried, each with its default model, when a model's own targets have failed. */
  readonly fallback: readonly string[];
  /** Models of upstreams that callers may make up before they are forgotten. */
  readonly askedModels: number;
  /** Puts the target layers around one model of a provider; called once for each that is kept. */
  readonly target: MakeTarget;
  /** Told of each target that nothing leads to any more. */
  readonly forget: (target: Target) => void;
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

/** A stop, and the model that it means: the label of its target may be another. */
interface Place {
  readonly stop: Stop;
  readonly model: string;
}

type Found = Pick<Destination, "hedge" | "rescue"> & { readonly places: readonly Place[] };

/** Knows every model's name: the configuration's aliases and routes, files on disk, echo, and the models of upstreams. A name is looked up, never a path. */
export function directory(options: DirectoryOptions): Directory {
  const { library, local, echo, upstreams, aliases } = options;
  const here = new Map<string, Target>();
  const remote = remoteTargets({ make: options.target, limit: options.askedModels, forget: options.forget });
  let chosen = options.defaultModel;

  const targetHere = (provider: Provider, model: string): Target => {
    const id = `${provider.name}/${model}`;
    const known = here.get(id) ?? options.target({ provider, key: 0, model, label: model });
    here.set(id, known);
    return known;
  };
  const fileAt = (model: string, provider: string): Target | undefined => {
    const file = provider === echo.name ? undefined : library.find(model);
    if (file !== undefined) return targetHere(local, file.id);
    return isEcho({ is: "here", provider, model }) ? targetHere(echo, "echo") : undefined;
  };
  const upstreamNamed = (name: string) => upstreams.find((upstream) => upstream.name === name);
  const targetsThere = (name: string, model: string, isConfigured: boolean): readonly Target[] => {
    const upstream = upstreamNamed(name);
    return upstream === undefined ? [] : remote(upstream, model, isConfigured);
  };
  const placesOf = (lead: Lead): readonly Place[] => {
    if (lead.is === "route") return routePlaces(lead.route, fileAt, targetsThere);
    if (lead.is === "there") {
      const isConfigured = lead.isConfigured || lead.model === options.defaultModel;
      return targetsThere(lead.upstream, lead.model, isConfigured).map((target) => ({ stop: plainStop(target), model: lead.model }));
    }
    const target = fileAt(lead.model, lead.provider);
    return target === undefined ? [] : [{ stop: plainStop(target), model: target.model }];
  };
  /** Lazily, for the last lead costs a look at the files. */
  function* leadsFrom(name: string, provider: string): Generator<Lead> {
    const upstream = upstreamNamed(provider);
    const leads = leadsOf(name, options);
    if (upstream !== undefined) yield leads[0]?.is === "route" ? leads[0] : leadAt(upstream, name, options);
    else yield* leads;
    const last = upstream === undefined ? takesAll(options) : undefined;
    if (last !== undefined) yield lastLead(name, options, last);
  }
  /** The first lead that leads somewhere. Throws where the provider that was named has no part in it. */
  const lookUp = (name: string, provider: string): Found | undefined => {
    let elsewhere: Place | undefined;
    for (const lead of leadsFrom(name, provider)) {
      const all = placesOf(lead);
      const places = provider === "" ? all : all.filter(({ stop }) => stop.target.provider === provider);
      if (places.length > 0) return lead.is === "route" ? { places, hedge: lead.route.hedge, rescue: lead.route.rescue } : { places };
      elsewhere ??= all[0];
    }
    if (elsewhere !== undefined) throw notThere(name, provider, elsewhere.stop.target.provider);
    return undefined;
  };
  const defaults = defaultsOf({
    ...options,
    chosen: () => chosen,
    leadsTo: (name, provider) => lookUp(name, "")?.places.some(({ stop }) => stop.target.provider === provider) ?? false,
  });
  const fallbackPlaces = (name: string): readonly Place[] => {
    const upstream = upstreamNamed(name);
    if (upstream?.defaultModel !== undefined)
      return placesOf({ is: "there", upstream: name, model: upstream.defaultModel, isConfigured: true });
    const model = defaults.nameOf(name, "chat");
    return model === undefined ? [] : placesOf({ is: "here", provider: name, model });
  };
  return {
    resolve(asked, provider, purpose = "chat"): Destination {
      if (provider !== "" && !isProvider(provider, options)) throw unknownProvider(provider, options);
      const name = asked === "" ? defaults.nameOf(provider, purpose) : asked;
      if (name === undefined) throw noDefault({ library, provider, purpose });
      const found = lookUp(name, provider);
      if (found === undefined) throw notFound(library, name);
      // Vectors and orders of one model say nothing to another's, and a caller who names a provider wants no other.
      const isReplaceable = provider === "" && purpose === "chat" && options.fallback.length > 0;
      const { places, ...how } = found;
      const last = isReplaceable ? afterwards(places, options.fallback.map(fallbackPlaces)) : places;
      return { name, stops: marked(last), ...how };
    },
    defaultModel: (provider = "", purpose = "chat") => defaults.nameOf(provider, purpose),
    setDefault: (name) => void (chosen = name),
    aliasesOf: (id) =>
      Object.keys(aliases).filter((name) => name !== "*" && (aliases[name] === id || library.find(aliases[name] ?? "")?.id === id)),
  };
}

function isProvider(name: string, { local, echo, upstreams }: DirectoryOptions): boolean {
  return name === local.name || name === echo.name || upstreams.some((upstream) => upstream.name === name);
}

/** The upstream that is asked for names that nobody knows: the default one. Where a local model answers by default, an unknown name never leaves this machine. */
function takesAll({ defaultProvider, upstreams, library }: DirectoryOptions): string | undefined {
  if (defaultProvider !== "auto") return upstreams.find(({ name }) => name === defaultProvider)?.name;
  return library.list().some(canChat) ? undefined : upstreams[0]?.name;
}

function canChat({ purpose, problem }: ModelFile): boolean {
  return purpose === "chat" && problem === "";
}

/** Stops of a route; neighbours that all have a weight share a rank, and so do the keys of one target. */
function routePlaces(
  { targets }: RouteSettings,
  fileAt: (model: string, provider: string) => Target | undefined,
  targetsThere: (upstream: string, model: string, isConfigured: boolean) => readonly Target[],
): readonly Place[] {
  let rank = -1;
  let isWeighted = false;
  return targets.flatMap((target) => {
    if (!isWeighted || target.weight === undefined) rank++;
    isWeighted = target.weight !== undefined;
    const file = fileAt(target.model, target.upstream);
    const isHere = target.upstream === "llama-cpp" || target.upstream === "echo";
    const found = isHere ? [file].filter((each) => each !== undefined) : keysOf(target, targetsThere(target.upstream, target.model, true));
    const how = stopOf(target, rank, found.length);
    return found.map((each) => ({ stop: plainStop(each, how), model: isHere ? each.model : target.model }));
  });
}

function keysOf({ key }: RouteTarget, targets: readonly Target[]): readonly Target[] {
  return key === undefined ? targets : targets.filter((target) => target.key === key);
}

/** Keys share what their target has of the rank. */
function stopOf({ weight = 1, contextLength, parameters }: RouteTarget, rank: number, keys: number): Omit<Stop, "target"> {
  const fill = parameters === undefined ? undefined : fillOf(parameters);
  return { rank, weight: weight / keys, contextLength, fill, isOtherModel: false };
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
