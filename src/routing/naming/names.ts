import { isLocalProvider } from "../../core/local-providers.ts";
import type { RouteSettings } from "../../core/routes.ts";

/** An upstream, as far as names go. */
export interface NamedUpstream {
  readonly name: string;
  /** Asked for when a request names no model; empty: whatever it serves; undefined: a request must name one. */
  readonly defaultModel: string | undefined;
  /** Ids that it serves under its own name; empty: whatever it lists. */
  readonly models: readonly string[];
}

/** What the configuration says of names. */
export interface NameRules {
  /** Other names of models; `*` catches names that nothing else answers to. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly routes: readonly RouteSettings[];
  readonly upstreams: readonly NamedUpstream[];
  /** auto, llama-cpp, echo, or an upstream's name. */
  readonly defaultProvider: string;
}

/** Where a name may lead. */
export type Lead =
  | { readonly is: "route"; readonly route: RouteSettings }
  /** A file on disk, or echo; at a provider of this machine or (empty) whichever has it. */
  | { readonly is: "here"; readonly provider: string; readonly model: string }
  /** An upstream's model; a configured name is the operator's word, others are callers'. */
  | {
      readonly is: "there";
      readonly upstream: string;
      readonly model: string;
      readonly isConfigured: boolean;
      readonly isStandIn?: boolean;
    };

/** Where a name may lead, by the configuration alone, best first: what it stands for, then what `*` does. An alias is followed once: what it stands for is no alias. */
export function leadsOf(name: string, rules: NameRules): readonly Lead[] {
  const meant = meaningOf(name, rules);
  const known = meant === name ? knownLeads(meant, rules) : knownLeads(meant, rules, true).map(configured);
  const star = rules.aliases["*"];
  return star === undefined ? known : [...known, ...knownLeads(star, rules, true).map(configured)];
}

/** Where a name leads that nobody knows: to the upstream that takes every name. */
export function lastLead(name: string, rules: NameRules, takesAll: string): Lead {
  const model = rules.aliases["*"] ?? meaningOf(name, rules);
  return { is: "there", upstream: takesAll, model, isConfigured: model !== name };
}

/** Where an upstream's model is that answers for another's name; what its list told is no operator's word. */
export function standInLead(upstream: NamedUpstream, model: string): Lead {
  return { is: "there", upstream: upstream.name, model, isConfigured: model === upstream.defaultModel, isStandIn: true };
}

/** What a name is an alias of; itself where it is none. */
function meaningOf(name: string, { aliases }: NameRules): string {
  return (Object.hasOwn(aliases, name) ? aliases[name] : undefined) ?? name;
}

/** The model of one upstream that a name means there: as it is listed, without its prefix, its default by the upstream's own name, or as it stands. */
export function leadAt(upstream: NamedUpstream, name: string, rules: NameRules): Lead {
  const meant = meaningOf(name, rules);
  const prefix = `${upstream.name}/`;
  if (meant === upstream.name && upstream.defaultModel !== undefined && !upstream.models.includes(meant))
    return there(upstream, upstream.defaultModel, true);
  const model = !isListed(upstream, meant) && meant.startsWith(prefix) ? meant.slice(prefix.length) : meant;
  return there(upstream, model, meant !== name || isListed(upstream, model));
}

/** Whether a lead ends at the provider that repeats what it is told; a file of that name comes first where no provider is said. */
export function isEcho(lead: Lead): boolean {
  return lead.is === "here" && (lead.provider === "echo" || (lead.provider === "" && lead.model === "echo"));
}

/** The name that an upstream's default model is asked for by: its own where nobody else has that, else with the upstream's before it. */
export function defaultNameAt(upstream: NamedUpstream, rules: NameRules, isTaken: (name: string) => boolean): string | undefined {
  const model = upstream.defaultModel;
  if (model === undefined || model === "") return model === undefined ? undefined : upstream.name;
  const [lead] = knownLeads(model, rules).filter(({ is }) => is !== "here");
  const isOwn = lead?.is === "there" && lead.upstream === upstream.name && lead.model === model && !Object.hasOwn(rules.aliases, model);
  return isOwn && !isTaken(model) ? model : `${upstream.name}/${model}`;
}

function knownLeads(name: string, rules: NameRules, isMeant = false): Lead[] {
  const route = rules.routes.find(({ model }) => model === name);
  if (route !== undefined) return [{ is: "route", route }];
  const leads: Lead[] = [{ is: "here", provider: "", model: name }];
  const upstream = isMeant ? ownerOfMeant(name, rules) : ownerOf(name, rules);
  if (upstream !== undefined) return [...leads, leadAt(upstream, name, { ...rules, aliases: {} })];
  const [prefix = "", ...rest] = name.split("/");
  return rest.length > 0 && isLocalProvider(prefix) ? [...leads, { is: "here", provider: prefix, model: rest.join("/") }] : leads;
}

/** The upstream that lists the name, or is named before it; where several list it, the default one, else the first. */
function ownerOf(name: string, { upstreams, defaultProvider }: NameRules): NamedUpstream | undefined {
  const listing = upstreams.filter((upstream) => isListed(upstream, name));
  const lister = listing.find((upstream) => upstream.name === defaultProvider) ?? listing[0];
  return lister ?? upstreams.find((upstream) => name === upstream.name || name.startsWith(`${upstream.name}/`));
}

/**
 * The owner of what an alias stands for: aliases translate into the names of the default provider, which comes before an upstream
 * that merely has a default model of that name; one that lists the name, or is named before it, is meant itself.
 */
function ownerOfMeant(name: string, rules: NameRules): NamedUpstream | undefined {
  const owner = ownerOf(name, rules);
  if (owner === undefined || owner.models.includes(name) || name === owner.name || name.startsWith(`${owner.name}/`)) return owner;
  return rules.upstreams.find((upstream) => upstream.name === rules.defaultProvider) ?? owner;
}

function isListed({ models, defaultModel }: NamedUpstream, model: string): boolean {
  return models.includes(model) || (defaultModel !== "" && defaultModel === model);
}

/** What an alias stands for is the operator's word. */
function configured(lead: Lead): Lead {
  return lead.is === "there" ? { ...lead, isConfigured: true } : lead;
}

function there({ name }: NamedUpstream, model: string, isConfigured: boolean): Lead {
  return { is: "there", upstream: name, model, isConfigured };
}
