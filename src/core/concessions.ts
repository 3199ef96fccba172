import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { FieldViolation } from "./reasons.ts";

/** What a caller would like and can do without: a target that refuses the field is asked in another way, rather than not at all. */
export interface Concession {
  /** Path in the contract's names, such as `top_logprobs`. */
  readonly field: string;
  /** The request without the field; the same object where it has none. */
  readonly instead: (request: ChatRequest) => ChatRequest;
}

/** The concessions that make up for refused fields; undefined: one of them is not to be done without. */
export function concessionsFor(
  refused: readonly FieldViolation[],
  offered: readonly Concession[] = noConcessions,
): readonly Concession[] | undefined {
  if (refused.length === 0) return noConcessions;
  const found = offered.filter(({ field }) => refused.some((each) => each.field === field));
  return refused.every(({ field }) => found.some((each) => each.field === field)) ? found : undefined;
}

const noConcessions: readonly Concession[] = [];
