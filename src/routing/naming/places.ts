import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { fillOf } from "../../core/fill.ts";
import { isLocalProvider } from "../../core/local-providers.ts";
import type { Library, ModelPurpose, Provider } from "../../core/ports.ts";
import type { RouteSettings, RouteTarget } from "../../core/routes.ts";
import { plainStop } from "../../core/stops.ts";
import type { Stop, Target } from "../../core/targets.ts";
import { usableFor } from "./defaults.ts";
import { isEcho, lastLead, leadAt, leadsOf, standInLead, type Lead, type NameRules } from "./names.ts";
import { notThere } from "./not-found.ts";
import { remoteTargets, type MakeTarget, type RoutedUpstream } from "./remote-targets.ts";
import { noStandIns, type StandIns } from "./stand-ins.ts";

/** What finding places needs. */
export interface PlacesOptions extends NameRules {
  readonly library: Pick<Library, "find" | "list">;
  /** The provider of models on this machine. */
  readonly local: Provider;
  readonly echo: Provider;
  readonly upstreams: readonly RoutedUpstream[];
  /** Model that answers when none is named; empty: found out. */
  readonly defaultModel: string;
  /** What upstreams are asked for where neither the caller nor a route says it; undefined: nothing. Models of this machine know it themselves. */
  readonly defaults: ChatRequest | undefined;
  /** Models of upstreams that callers may make up before they are forgotten. */
  readonly askedModels: number;
  /** Puts the target layers around one model of a provider; called once for each that is kept. */
  readonly target: MakeTarget;
  /** Which models answer for names that nobody knows; absent: none. */
  readonly standIns?: StandIns;
  /** Told of each target that nothing leads to any more. */
  readonly forget: (target: Target) => void;
}

/** A stop, and the model that it means: the label of its target may be another. */
export interface Place {
  readonly stop: Stop;
  readonly model: string;
}

/** Where a name leads. */
export interface Found {
  /** Never empty; by rank. */
  readonly places: readonly Place[];
  readonly route: RouteSettings | undefined;
  /** Whether the upstream's list may make it lead elsewhere. */
  readonly isFleeting: boolean;
  /** Says that the place was used again, where it may be forgotten; undefined: it stays. */
  readonly renew: (() => void) | undefined;
}

/** From names to places. */
export interface Places {
  /** The first of a name's leads that leads somewhere, at a provider or (empty) any; undefined: none does. Throws `model_not_found` where the provider that was named has no part in it. */
  lookUp(name: string, provider: string, purpose?: ModelPurpose): Found | undefined;
  /** Learns what decides where a name leads; undefined: nobody has to wait. */
  learn(name: string, signal: AbortSignal): Promise<void> | undefined;
  /** Where one lead leads; empty: nowhere. */
  of(lead: Lead): readonly Place[];
}

/** Finds places: files on disk, echo, and the models of upstreams. Targets are made at their first use. */
export function placesOf(options: PlacesOptions): Places {
  const { library, local, echo, upstreams, standIns = noStandIns } = options;
  const fill = options.defaults === undefined ? undefined : fillOf(options.defaults);
  const here = new Map<string, Target>();
  const remote = remoteTargets({ make: options.target, limit: options.askedModels, forget: options.forget });

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
  const targetsThere = (name: string, model: string, isConfigured: boolean): readonly Target[] => {
    const upstream = upstreams.find((each) => each.name === name);
    return upstream === undefined ? [] : remote(upstream, model, isConfigured || model === options.defaultModel);
  };
  const of = (lead: Lead): readonly Place[] => {
    if (lead.is === "route") return routePlaces(lead.route, { fileAt, targetsThere, fill });
    if (lead.is === "there")
      return targetsThere(lead.upstream, lead.model, lead.isConfigured).map((target) => ({
        stop: plainStop(target, { fill }),
        model: lead.model,
      }));
    const target = fileAt(lead.model, lead.provider);
    return target === undefined ? [] : [{ stop: plainStop(target), model: target.model }];
  };
  const renewalOf = (lead: Lead): (() => void) | undefined =>
    lead.is === "there" && !lead.isConfigured ? () => void targetsThere(lead.upstream, lead.model, false) : undefined;
  return {
    of,
    learn: learnerOf(options, of),
    lookUp(name, provider, purpose = "chat") {
      let elsewhere: Place | undefined;
      for (const lead of leadsFrom({ name, provider, purpose }, options, standIns)) {
        const all = of(lead);
        const places = provider === "" ? all : all.filter(({ stop }) => stop.target.provider === provider);
        const isFleeting = lead.is === "there" && lead.isStandIn === true;
        if (places.length > 0) return { places, route: lead.is === "route" ? lead.route : undefined, isFleeting, renew: renewalOf(lead) };
        elsewhere ??= all[0];
      }
      if (elsewhere !== undefined) throw notThere(name, provider, elsewhere.stop.target.provider);
      return undefined;
    },
  };
}

/** Learns only where a stand-in may answer: a look at the files is spared all others. */
function learnerOf(options: PlacesOptions, of: Places["of"]): Places["learn"] {
  const { standIns = noStandIns, upstreams } = options;
  const mayStandIn = upstreams.some(({ unknownModels }) => unknownModels === "default");
  return function learn(name, signal) {
    const upstream = mayStandIn ? takesAll(options) : undefined;
    const isUnknown = upstream !== undefined && !leadsOf(name, options).some((lead) => of(lead).length > 0);
    return isUnknown ? standIns.learn(upstream, signal) : undefined;
  };
}

/** What is looked up. */
interface Asked {
  readonly name: string;
  readonly provider: string;
  readonly purpose: ModelPurpose;
}

/** Lazily, for the last lead costs a look at the files. */
function* leadsFrom(asked: Asked, options: PlacesOptions, standIns: StandIns): Generator<Lead> {
  const { name, provider } = asked;
  const upstream = options.upstreams.find((each) => each.name === provider);
  const leads = leadsOf(name, options);
  if (upstream !== undefined) yield leads[0]?.is === "route" ? leads[0] : leadAt(upstream, name, options);
  else yield* leads;
  const last = upstream === undefined ? lastOf(asked, options, standIns) : undefined;
  if (last !== undefined) yield last;
}

/** Where a name leads that has led nowhere. */
function lastOf({ name, provider, purpose }: Asked, options: PlacesOptions, standIns: StandIns): Lead | undefined {
  // Whoever names echo wants to be repeated, whatever model is asked for beside it.
  if (provider === options.echo.name && purpose === "chat") return { is: "here", provider, model: "echo" };
  const upstream = takesAll(options);
  if (upstream === undefined) return undefined;
  const lead = lastLead(name, options, upstream.name);
  // What an alias says is the operator's word, and vectors of another model would say nothing to the caller's.
  const model = lead.is !== "there" || lead.isConfigured || purpose !== "chat" ? undefined : standIns.modelFor(upstream, name);
  return model === undefined ? lead : standInLead(upstream, model);
}

/** The upstream that is asked for names that nobody knows: the default one. Where a local model answers by default, an unknown name never leaves this machine. */
function takesAll({ defaultProvider, upstreams, library }: PlacesOptions): RoutedUpstream | undefined {
  if (defaultProvider !== "auto") return upstreams.find(({ name }) => name === defaultProvider);
  return usableFor("chat", library).length > 0 ? undefined : upstreams[0];
}

/** What the places of a route are made with. */
interface RouteParts {
  readonly fileAt: (model: string, provider: string) => Target | undefined;
  readonly targetsThere: (upstream: string, model: string, isConfigured: boolean) => readonly Target[];
  /** Of upstreams, behind what the route says itself. */
  readonly fill: Stop["fill"];
}

/** Stops of a route; neighbours that all have a weight share a rank, and so do the keys of one target. */
function routePlaces({ targets }: RouteSettings, { fileAt, targetsThere, fill }: RouteParts): readonly Place[] {
  let rank = -1;
  let isWeighted = false;
  return targets.flatMap((target) => {
    if (!isWeighted || target.weight === undefined) rank++;
    isWeighted = target.weight !== undefined;
    const isHere = isLocalProvider(target.upstream);
    const file = isHere ? fileAt(target.model, target.upstream) : undefined;
    const there = isHere ? [] : keysOf(target, targetsThere(target.upstream, target.model, true));
    const found = file === undefined ? there : [file];
    const how = { ...stopOf(target, rank, found.length), fill: joined(ownFill(target), isHere ? undefined : fill) };
    return found.map((each) => ({ stop: plainStop(each, how), model: isHere ? each.model : target.model }));
  });
}

function keysOf({ key }: RouteTarget, targets: readonly Target[]): readonly Target[] {
  return key === undefined ? targets : targets.filter((target) => target.key === key);
}

/** Keys share what their target has of the rank. */
function stopOf({ weight = 1, contextLength }: RouteTarget, rank: number, keys: number) {
  return { rank, weight: weight / keys, contextLength };
}

function ownFill({ parameters }: RouteTarget): Stop["fill"] {
  return parameters === undefined ? undefined : fillOf(parameters);
}

function joined(first: Stop["fill"], second: Stop["fill"]): Stop["fill"] {
  if (first === undefined || second === undefined) return first ?? second;
  return (request) => second(first(request));
}
