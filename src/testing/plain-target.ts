import type { Target } from "../core/targets.ts";

/** A target without a key and without anything special, called as its model is; `given` says what matters to the test. It can do nothing unless given `workOf`. */
export function plainTarget(given: Partial<Target> & Pick<Target, "provider" | "model">): Target {
  return {
    label: given.model,
    key: 0,
    isLocal: false,
    canContinue: false,
    takesCallerKeys: false,
    fields: {},
    workOf: () => undefined,
    ...given,
  };
}
