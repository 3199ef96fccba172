import type { CallContext } from "../core/context.ts";
import type { ModelPurpose } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import type { Layer } from "../core/work.ts";

/** What names lead to. */
export interface ModelNames {
  /** The model that answers when none is named, at the provider that is named (empty: any), for a purpose; undefined when there is none. */
  defaultModel(provider: string, purpose: ModelPurpose): string | undefined;
  /** Whether a name leads to a provider by itself, without one being named. */
  leadsTo(model: string, provider: string): boolean;
}

/** Settles which model is asked for: the default's name stands in for none from here on, once a call. Refuses one that the caller's key does not list. */
export function authorizeModel(names: ModelNames): Layer {
  return function authorizeModelLayer(next, kind) {
    return function authorized(request, context) {
      const provider = kind.providerOf(request);
      const model = context.model === "" ? (names.defaultModel(provider, kind.purpose) ?? "") : context.model;
      if (context.caller.models !== undefined) checkKey(context.caller.models, { model, provider }, names);
      return next(request, model === context.model ? context : { ...context, model });
    };
  };
}

/** A key lists names, and a name means what it leads to: another provider that has a model of that name is another model. */
function checkKey(models: readonly string[], { model, provider }: Asked, names: ModelNames): void {
  const isListed = models.includes(model) && (provider === "" || names.leadsTo(model, provider));
  if (isListed || (provider !== "" && models.includes(`${provider}/${model}`))) return;
  const there = provider === "" ? "" : ` of provider "${provider}"`;
  throw fault("permission_denied", `this key does not allow model "${model}"${there}; it allows ${models.join(", ") || "none"}`);
}

interface Asked extends Pick<CallContext, "model"> {
  readonly provider: string;
}
