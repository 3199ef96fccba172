import type { Stop, Target } from "./targets.ts";

/** A stop with nothing of its own: whole weight, an unknown context, the model that was asked for. */
export function plainStop(target: Target, given: Partial<Omit<Stop, "target">> = {}): Stop {
  return { target, rank: 0, weight: 1, contextLength: undefined, fill: undefined, isOtherModel: false, ...given };
}
