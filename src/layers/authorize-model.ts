import type { ModelPurpose } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import type { Layer } from "../core/work.ts";

/** The model that answers when none is named, at the provider that is named (empty: any), for a purpose; undefined when there is none. */
export type DefaultModel = (provider: string, purpose: ModelPurpose) => string | undefined;

/** Settles which model is asked for: the default's name stands in for none from here on, once a call. Refuses one that the caller's key does not list. */
export function authorizeModel(defaultModel: DefaultModel): Layer {
  return function authorizeModelLayer(next, kind) {
    return function authorized(request, context) {
      const model = context.model === "" ? (defaultModel(kind.providerOf(request), kind.purpose) ?? "") : context.model;
      const { models } = context.caller;
      if (models !== undefined && !models.includes(model)) {
        throw fault("permission_denied", `this key does not allow model "${model}"; it allows ${models.join(", ") || "none"}`);
      }
      return next(request, { ...context, model });
    };
  };
}
