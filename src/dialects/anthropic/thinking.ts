import { create } from "@bufbuild/protobuf";
import { ReasoningEffort, ReasoningSchema, type Reasoning } from "../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../core/reasons.ts";
import { integerAt, objectAt, oneOf, read, readAt, required, textAt, type Json } from "../openai/read.ts";
import type { WireEffort, WireThinking } from "./upstream/wire.ts";

/** Fewer tokens of thinking are refused by the API. */
export const leastBudget = 1024;

const displayOf = oneOf({ summarized: "summarized", omitted: "omitted" } as const);
const wordOf = oneOf<WireEffort>({ low: "low", medium: "medium", high: "high", xhigh: "xhigh", max: "max" });

/** Efforts by the API's words for them. */
const efforts: Readonly<Record<WireEffort, ReasoningEffort>> = {
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
  xhigh: ReasoningEffort.XHIGH,
  max: ReasoningEffort.MAX,
};

/** How a caller of the API wants the model to think, in the API's words. */
export interface OwnThinking {
  readonly thinking: WireThinking | undefined;
  /** Without `thinking`, the model thinks as it does by itself. */
  readonly effort: WireEffort | undefined;
}

/** Reads `thinking` and `output_config.effort`. */
export function thinkingAt(body: Json): OwnThinking {
  return { thinking: read(body, "thinking", wishAt), effort: read(body, "output_config", effortAt) };
}

/** Reads `output_config`, of which `format` is read elsewhere. */
export function effortAt(value: unknown, path: string): WireEffort | undefined {
  return readAt(objectAt(value, path), { at: `${path}.`, name: "effort" }, wordOf);
}

/** Reads `thinking`. */
export function wishAt(value: unknown, path: string): WireThinking {
  const wish = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(wish, "type", at), `${at}type`);
  const display = readAt(wish, { at, name: "display" }, displayOf);
  const shown = display === undefined ? {} : { display };
  switch (type) {
    case "disabled":
    case "between_tools":
      return { type };
    case "adaptive":
      return { type, ...shown };
    case "enabled":
      return { type, budget_tokens: budgetAt(required(wish, "budget_tokens", at), `${at}budget_tokens`), ...shown };
    default:
      throw unsupportedField(`${at}type`, `${JSON.stringify(type.slice(0, 64))} is none of enabled, disabled, adaptive, between_tools`);
  }
}

function budgetAt(value: unknown, path: string): number {
  const budget = integerAt(value, path);
  if (budget >= leastBudget) return budget;
  throw invalidField(path, `${budget} is below ${leastBudget}, the fewest there are; to think not at all is type disabled`);
}

/** Checks a budget against the answer's limit, of which it is a part; only thinking between calls of tools may take more in all. */
export function checkBudget({ thinking }: OwnThinking, maxTokens: number, betas: readonly string[]): void {
  if (thinking?.type !== "enabled" || thinking.budget_tokens < maxTokens) return;
  if (betas.some((beta) => beta.startsWith("interleaved-thinking-"))) return;
  throw invalidField(
    "thinking.budget_tokens",
    `${thinking.budget_tokens} is not below max_tokens, ${maxTokens}, of which thinking is a part`,
  );
}

/** What other models are told: they know no effort but that of thinking. */
export function reasoningOf({ thinking, effort }: OwnThinking): Reasoning | undefined {
  const said = effort === undefined ? {} : { effort: efforts[effort] };
  if (thinking === undefined) return effort === undefined ? undefined : create(ReasoningSchema, said);
  switch (thinking.type) {
    case "adaptive":
      // The API's own default.
      return create(ReasoningSchema, { effort: ReasoningEffort.HIGH, ...said });
    case "enabled":
      return create(ReasoningSchema, { budgetTokens: thinking.budget_tokens, ...said });
    default:
      // Between calls of tools it does not think either: what it says there comes as thinking.
      return create(ReasoningSchema, { effort: ReasoningEffort.NONE });
  }
}

/** What upstreams of Anthropic's are told beside, where the contract's words say less than the API's. */
export function ownOptions({ thinking, effort }: OwnThinking): { thinking?: WireThinking; output_config?: { effort: WireEffort } } {
  const isSaid = thinking === undefined || thinking.type === "disabled" || (thinking.type === "enabled" && thinking.display === undefined);
  if (effort === undefined && isSaid) return {};
  return { ...(thinking !== undefined && { thinking }), ...(effort !== undefined && { output_config: { effort } }) };
}

/** Whether thinking is to be told by its signature alone. */
export function isOmitted({ thinking }: OwnThinking): boolean {
  return thinking !== undefined && "display" in thinking && thinking.display === "omitted";
}
