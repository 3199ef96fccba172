import { create } from "@bufbuild/protobuf";
import { ModelSchema, ModelState, type Model } from "../../../gen/parley/v1/models_pb.ts";
import type { ConnectError } from "@connectrpc/connect";
import { limitFault, type Limits } from "../../core/limits.ts";
import { isModelId } from "../../core/model-id.ts";
import type { Clock, Log, Provider } from "../../core/ports.ts";
import { reasonOf } from "../../core/reasons.ts";
import { untilAborted } from "../../core/signals.ts";
import type { RoutedUpstream } from "./remote-targets.ts";

/** What the models of upstreams need. */
export interface RemoteModelsOptions {
  readonly upstreams: readonly RoutedUpstream[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Pick<Limits, "listModelsMs" | "keptModelListMs">;
}

/** The models of upstreams. */
export interface RemoteModels {
  /** Those of all upstreams, by ids that can be asked for. An upstream that does not answer is left out, and asked again after a while. Rejects only when the signal is aborted. */
  list(signal: AbortSignal): Promise<readonly Model[]>;
  /** Those of one; undefined: it does not tell. */
  listOf(upstream: string, signal: AbortSignal): Promise<readonly Model[] | undefined>;
  /** Whether a model is listed by an id, as the last lists say: nobody waits. The list that would have it, where it is old or was never asked for, is asked for meanwhile. */
  isListed(id: string): boolean;
  /** The id by which an upstream's model is listed; undefined: there is no such upstream. */
  idOf(upstream: string, model: string): string | undefined;
}

/** Most models of one upstream that are listed: the longest known lists have some hundreds, and an upstream is not trusted. */
export const mostListed = 10_000;

function late(provider: string, { listModelsMs }: Pick<Limits, "listModelsMs">): ConnectError {
  return limitFault("listModelsMs", `${provider} did not list its models within ${listModelsMs} ms`, { provider });
}

interface Kept {
  readonly untilMs: number;
  readonly models: Promise<readonly Model[] | undefined>;
}

/** Asks upstreams for their models, each at most once in `limits.keptModelListMs`, however many callers want to know. */
export function remoteModels({ upstreams, clock, log, limits }: RemoteModelsOptions): RemoteModels {
  const kept = new Map<string, Kept>();
  /** Ids of each one's last list. */
  const told = new Map<string, ReadonlySet<string>>(upstreams.map(({ name, models }) => [name, new Set(models)]));
  /** Upstreams that did not answer: that is logged once, until they do again. */
  const silent = new Set<string>();

  const upstreamOf = (wanted: string) => upstreams.find(({ name }) => name === wanted);
  const ask = async (upstream: RoutedUpstream): Promise<readonly Model[] | undefined> => {
    const limit = new AbortController();
    const cancel = clock.after(limits.listModelsMs, () => limit.abort(late(upstream.name, limits)));
    try {
      const all = await firstAnswer(upstream.providers, limit.signal);
      silent.delete(upstream.name);
      const models = all.slice(0, mostListed).flatMap((model) => listed(upstream, model));
      told.set(upstream.name, new Set(models.map(({ id }) => id)));
      return models;
    } catch (error) {
      const facts = { provider: upstream.name, reason: reasonOf(error), error };
      if (!silent.has(upstream.name)) log.warn("an upstream does not list its models", facts);
      silent.add(upstream.name);
      return undefined;
    } finally {
      cancel();
    }
  };
  const modelsOf = (upstream: RoutedUpstream): Promise<readonly Model[] | undefined> => {
    if (upstream.models.length > 0) return Promise.resolve(upstream.models.map((id) => named(upstream, id)));
    const known = kept.get(upstream.name);
    if (known !== undefined && clock.now() < known.untilMs) return known.models;
    const asked = ask(upstream);
    // Nobody waits a second time for one that was silent: it is listed again once it has answered.
    const models = known !== undefined && silent.has(upstream.name) ? known.models : asked;
    kept.set(upstream.name, { untilMs: clock.now() + limits.keptModelListMs, models });
    if (models !== asked) void asked.then(() => kept.set(upstream.name, { untilMs: clock.now() + limits.keptModelListMs, models: asked }));
    return models;
  };
  return {
    list: async (signal) => (await untilAborted(Promise.all(upstreams.map(modelsOf)), signal)).flatMap((models) => models ?? []),
    async listOf(name, signal) {
      const upstream = upstreamOf(name);
      return upstream === undefined ? undefined : untilAborted(modelsOf(upstream), signal);
    },
    isListed: (id) =>
      upstreams.some((upstream) => {
        if (id.startsWith(`${upstream.name}/`)) void modelsOf(upstream);
        return told.get(upstream.name)?.has(id) === true;
      }),
    idOf(name, model) {
      const upstream = upstreamOf(name);
      return upstream && askableId(upstream, model);
    },
  };
}

/** Asks with one key after the other; each may list something else, and the first that is served speaks for all. */
async function firstAnswer(providers: readonly Provider[], signal: AbortSignal): Promise<readonly Model[]> {
  let failure: unknown;
  for (const provider of providers) {
    try {
      return await untilAborted(provider.listModels(signal), signal);
    } catch (error) {
      failure ??= error;
      if (signal.aborted) break;
    }
  }
  throw failure;
}

/** Under its own name where the configuration lists it, else behind the upstream's. */
function askableId({ name, models }: RoutedUpstream, model: string): string {
  return models.includes(model) ? model : `${name}/${model}`;
}

/** A model as callers ask for it; one whose name no request could have is left out. */
function listed(upstream: RoutedUpstream, model: Model): Model[] {
  const id = askableId(upstream, model.id);
  if (!isModelId(id)) return [];
  const ownedBy = model.ownedBy === "" ? upstream.name : model.ownedBy;
  const state = model.state === ModelState.FAILED ? model.state : ModelState.READY;
  return [{ ...model, id, provider: upstream.name, state, ownedBy, aliases: [] }];
}

function named(upstream: RoutedUpstream, id: string): Model {
  return create(ModelSchema, { id, provider: upstream.name, state: ModelState.READY, ownedBy: upstream.name });
}
