import { isLocalProvider } from "../core/local-providers.ts";
import type { Settings } from "../config/settings.ts";
import type { Library, ModelFile } from "../core/ports.ts";
import { fault, reasonOf } from "../core/reasons.ts";
import { isEcho, leadsOf, type Lead } from "../routing/naming/names.ts";
import type { PullModelResponse } from "../../gen/parley/v1/models_pb.ts";

type LocalLead = Extract<Lead, { readonly is: "here" }>;

/** What making sure of a model needs. */
export interface FirstRunOptions {
  readonly settings: Settings;
  readonly library: Pick<Library, "find" | "list" | "catalog" | "defaultId" | "pull">;
  /** Shows a pull to its end. */
  readonly show: (id: string, steps: AsyncIterable<PullModelResponse>) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Makes sure that there is a model to answer: pulls the default where none is on disk. Answers with a sentence for people when echo will answer though they may expect a model.
 * Throws `pull_failed` and kin where a model was insisted on, and `model_not_found` for one that exists nowhere.
 */
export async function ensureModel({ settings, library, show, signal }: FirstRunOptions): Promise<string | undefined> {
  const id = missingModel(settings, library);
  if (id === undefined) return undecided(settings, library);
  try {
    await show(id, library.pull(id, signal));
    return undefined;
  } catch (error) {
    const isInsisted = settings.defaultModel !== undefined || settings.defaultProvider === "llama-cpp";
    if (signal.aborted || isInsisted || !["pull_failed", "data_corrupt"].includes(reasonOf(error))) throw error;
    const why = error instanceof Error ? error.message.replace(/^\[\w+\] /, "") : String(error);
    return `no model could be pulled, so echo answers, which repeats what it is told (${why})`;
  }
}

/** Several models and no word about which is the default: nobody guesses. */
function undecided({ defaultProvider, defaultModel, upstreams }: Settings, library: FirstRunOptions["library"]): string | undefined {
  const ids = library
    .list()
    .filter(canChat)
    .map(({ id }) => id);
  const isDecided = defaultProvider !== "auto" || defaultModel !== undefined || upstreams.length > 0;
  if (isDecided || ids.length < 2 || ids.includes(library.defaultId)) return undefined;
  return `echo answers when a request names no model, for there are several (${ids.slice(0, 5).join(", ")}): choose with LLM_DEFAULT_MODEL or --model-name`;
}

/** Id of the model to pull before the service can answer as configured; undefined when there is none to pull. */
function missingModel(settings: Settings, library: FirstRunOptions["library"]): string | undefined {
  const { defaultProvider, defaultModel, upstreams } = settings;
  if (["echo", ...upstreams.map(({ name }) => name)].includes(defaultProvider)) return undefined;
  const hasLocal = library.list().some(canChat);
  // Then an upstream takes every name that is unknown here.
  const isServedElsewhere = defaultProvider === "auto" && upstreams.length > 0 && !hasLocal;
  if (defaultModel === undefined) return hasLocal || isServedElsewhere ? undefined : library.defaultId;
  const leads = leadsOf(defaultModel, settings).flatMap(leadsHere);
  if (leads.some((lead) => isThere(lead, library))) return undefined;
  const known = inCatalog(leads, library);
  if (known === undefined && !isServedElsewhere) throw unknownModel(defaultModel, settings);
  return known;
}

/** Id of the first model of the catalog that leads name. */
function inCatalog(leads: readonly (LocalLead | "elsewhere")[], library: Pick<Library, "catalog">): string | undefined {
  const models = leads.flatMap((lead) => (lead === "elsewhere" ? [] : [lead.model]));
  return library.catalog().find(({ id, aliases }) => models.some((model) => id === model || aliases.includes(model)))?.id;
}

function unknownModel(model: string, { modelsDirectory }: Settings): Error {
  return fault(
    "model_not_found",
    `the default model "${model}" is neither on disk nor in the catalog; put its GGUF file into ${modelsDirectory}, choose one that \`parley models list\` shows, or name an upstream's as UPSTREAM/MODEL`,
    { metadata: { model } },
  );
}

function isThere(lead: LocalLead | "elsewhere", library: Pick<Library, "find">): boolean {
  return lead === "elsewhere" || isEcho(lead) || library.find(lead.model) !== undefined;
}

/** What of a lead is on this machine; `elsewhere` is a model that an upstream serves. */
function leadsHere(lead: Lead): readonly (LocalLead | "elsewhere")[] {
  if (lead.is === "here") return [lead];
  if (lead.is === "there") return ["elsewhere"];
  return lead.route.targets.map(({ upstream: provider, model }) =>
    isLocalProvider(provider) ? { is: "here", provider, model } : "elsewhere",
  );
}

function canChat({ purpose, problem }: ModelFile): boolean {
  return purpose === "chat" && problem === "";
}
