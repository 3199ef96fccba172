import type { Log } from "../../core/ports.ts";
import type { UnknownModels } from "../../core/upstreams.ts";
import type { RemoteModels } from "./remote-models.ts";
import type { NamedUpstream } from "./names.ts";

/** An upstream that may answer for names that nobody knows. */
export interface StandingUpstream extends NamedUpstream {
  /** What becomes of such names; absent: they are passed on. */
  readonly unknownModels?: UnknownModels;
  /** How all names of models there are written; absent: only its list tells. */
  readonly ownNames?: RegExp | undefined;
}

/** What finding stand-ins needs. */
export interface StandInsOptions {
  readonly remote: Pick<RemoteModels, "listOf">;
  readonly log: Log;
  /** Names that are warned of, one by one. */
  readonly limit: number;
}

/** Which model answers for a name that nobody knows. */
export interface StandIns {
  /** Learns what an upstream has, where that decides what a name means there; undefined: nobody has to wait. Rejects only when the signal is aborted. */
  learn(upstream: StandingUpstream, signal: AbortSignal): Promise<void> | undefined;
  /** The model that answers there instead, empty: whatever it serves; undefined: the name is passed on as it stands. */
  modelFor(upstream: StandingUpstream, name: string): string | undefined;
}

/** Without any: all names are passed on. */
export const noStandIns: StandIns = { learn: () => undefined, modelFor: () => undefined };

/** Finds stand-ins: an upstream's default model, else the first that its list tells. */
export function standIns({ remote, log, limit }: StandInsOptions): StandIns {
  /** What each upstream has listed last, by its own names. */
  const lists = new Map<string, ReadonlySet<string>>();
  const warned = new Set<string>();

  const warn = (provider: string, name: string, model: string): void => {
    if (warned.size >= limit || warned.has(name)) return;
    warned.add(name);
    log.warn("a model that nobody has is answered by another", {
      asked: name.slice(0, longestLogged),
      provider,
      model: model || "whatever it serves",
    });
    if (warned.size === limit) log.warn("further names that nobody has are not told of one by one", { names: limit });
  };
  const isThere = ({ name: upstream, models, defaultModel, ownNames }: StandingUpstream, name: string): boolean =>
    models.includes(name) || name === defaultModel || ownNames?.test(name) === true || lists.get(upstream)?.has(name) === true;
  return {
    learn(upstream, signal) {
      if (upstream.unknownModels !== "default" || upstream.ownNames !== undefined) return undefined;
      return remote.listOf(upstream.name, signal).then((models) => {
        if (models !== undefined) lists.set(upstream.name, new Set(models.map(({ id }) => ownName(upstream, id))));
      });
    },
    modelFor(upstream, name) {
      if (upstream.unknownModels !== "default" || upstream.defaultModel === undefined || isThere(upstream, name)) return undefined;
      const [first = ""] = lists.get(upstream.name) ?? [];
      const model = upstream.defaultModel === "" ? first : upstream.defaultModel;
      warn(upstream.name, name, model);
      return model;
    },
  };
}

const longestLogged = 256;

/** Lists have the upstream's name before what the configuration does not list. */
function ownName({ name, models }: StandingUpstream, id: string): string {
  return models.includes(id) ? id : id.slice(name.length + 1);
}
