import type { Layer } from "../core/work.ts";
import { fault } from "../core/reasons.ts";

/** Refuses a model that the caller's key does not allow. The name that the key lists is the one that is asked for; the default model counts as the empty name's. */
export function authorizeModel(defaultModel: () => string): Layer {
  return function authorizeModelLayer(next) {
    return function authorized(request, context) {
      const { models } = context.caller;
      const asked = context.model === "" ? defaultModel() : context.model;
      if (models !== undefined && !models.includes(asked)) {
        throw fault("permission_denied", `this key does not allow model "${asked}"; it allows ${models.join(", ") || "none"}`);
      }
      return next(request, context);
    };
  };
}
