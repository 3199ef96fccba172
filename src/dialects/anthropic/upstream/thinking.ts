import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ReasoningEffort, ToolChoiceMode, type Reasoning } from "../../../../gen/parley/v1/messages_pb.ts";
import type { Sampling } from "../../../../gen/parley/v1/sampling_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { leastBudget, type OwnThinking } from "../thinking.ts";
import type { AnthropicTraits } from "./traits.ts";
import type { Block, Turn, WireEffort, WireThinking } from "./wire.ts";

/** How the model is to think, and how long its answer may be with it. */
export interface Thinking {
  readonly maxTokens: number;
  readonly thinking?: WireThinking;
  readonly effort?: WireEffort;
}

/** Tokens of thinking that an effort stands for: doubled from step to step, up to what Claude was made to use well. */
const budgets: Readonly<Record<number, number>> = {
  [ReasoningEffort.MINIMAL]: 1024,
  [ReasoningEffort.LOW]: 2048,
  [ReasoningEffort.MEDIUM]: 8192,
  [ReasoningEffort.HIGH]: 16_384,
  [ReasoningEffort.XHIGH]: 32_768,
  [ReasoningEffort.MAX]: 49_152,
};

const efforts: Readonly<Record<number, WireEffort>> = {
  [ReasoningEffort.MINIMAL]: "low",
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
  [ReasoningEffort.XHIGH]: "xhigh",
  [ReasoningEffort.MAX]: "max",
};

/** Of `max_tokens`, an effort leaves at least so much to the answer itself. */
const answerShare = 0.25;

/** What thinking depends on beside the request. */
interface Circumstances {
  readonly traits: AnthropicTraits;
  /** What the caller has said in the API's own words. */
  readonly own: OwnThinking;
}

/** Says how the model thinks: as the caller said it, where that was in the API's own words. Throws `unsupported_field` for what thinking excludes. */
export function thinkingOf(request: ChatRequest, turns: readonly Turn[], { traits, own }: Circumstances): Thinking {
  const { thinking, effort } = own;
  if (thinking === undefined) {
    if (effort === undefined) return reasoned(request, turns, traits);
    return { maxTokens: request.maxTokens ?? traits.maxTokens, effort };
  }
  const said =
    thinking.type === "enabled" && traits.thinking === "adaptive" && request.reasoning !== undefined
      ? shownAs(reasoned(request, turns, traits), thinking.display)
      : asSaid(thinking, request, turns);
  return { maxTokens: request.maxTokens ?? traits.maxTokens + budgetIn(said), ...said, ...(effort !== undefined && { effort }) };
}

function budgetIn({ thinking }: Pick<Thinking, "thinking">): number {
  return thinking?.type === "enabled" ? thinking.budget_tokens : 0;
}

/** A budget where models know none has become an effort; how it is told stays. */
function shownAs({ thinking, effort }: Thinking, display: "summarized" | "omitted" | undefined): Pick<Thinking, "thinking" | "effort"> {
  const told = thinking?.type === "adaptive" && display !== undefined ? { ...thinking, display } : thinking;
  return { ...(told !== undefined && { thinking: told }), ...(effort !== undefined && { effort }) };
}

function asSaid(thinking: WireThinking, request: ChatRequest, turns: readonly Turn[]): { thinking: WireThinking } {
  const { type } = thinking;
  // With a budget it wants earlier thinking back, as below.
  if (type === "enabled" && callsWithoutThinking(turns)) return { thinking: { type: "disabled" } };
  if (type === "enabled" || type === "adaptive") refuseBeside(request);
  return { thinking };
}

/** Thinking as the contract asks for it: any effort turns it on. It counts as part of `max_tokens`; where that is not given, it comes on top. */
function reasoned(request: ChatRequest, turns: readonly Turn[], traits: AnthropicTraits): Thinking {
  const maxTokens = request.maxTokens ?? traits.maxTokens;
  const wish = wishOf(request.reasoning);
  if (wish === "none") return { maxTokens };
  if (wish === "off") return { maxTokens, thinking: { type: "disabled" } };
  // The API wants that thinking back, and refuses to think without it; it answers without thinking anew.
  if (callsWithoutThinking(turns)) return { maxTokens, thinking: { type: "disabled" } };
  refuseBeside(request);
  return traits.thinking === "budget" ? withBudget(request, traits) : adaptive(request, maxTokens);
}

function wishOf(reasoning: Reasoning | undefined): "none" | "off" | "on" {
  if (reasoning === undefined) return "none";
  const { effort, budgetTokens } = reasoning;
  if (effort === ReasoningEffort.NONE || budgetTokens === 0) return "off";
  return effort === ReasoningEffort.UNSPECIFIED && budgetTokens === undefined ? "none" : "on";
}

function adaptive({ reasoning }: ChatRequest, maxTokens: number): Thinking {
  if (reasoning?.budgetTokens !== undefined)
    throw unsupportedField("reasoning.budget_tokens", "this upstream's models take an effort; send reasoning.effort");
  const effort = efforts[reasoning?.effort ?? ReasoningEffort.UNSPECIFIED];
  return { maxTokens, thinking: { type: "adaptive" }, ...(effort !== undefined && { effort }) };
}

function withBudget(request: ChatRequest, traits: AnthropicTraits): Thinking {
  const { maxTokens, reasoning } = request;
  const wanted = budgetOf(reasoning);
  if (maxTokens === undefined) return enabled(wanted, wanted + traits.maxTokens);
  if (maxTokens <= leastBudget)
    throw unsupportedField(
      "max_tokens",
      `Anthropic thinks for at least ${leastBudget} tokens, and these are part of max_tokens: send more, or no reasoning`,
    );
  if (reasoning?.budgetTokens === undefined)
    return enabled(Math.max(leastBudget, Math.min(wanted, Math.floor(maxTokens * (1 - answerShare)))), maxTokens);
  if (wanted >= maxTokens)
    throw invalidField("reasoning.budget_tokens", `${wanted} is not below max_tokens, ${maxTokens}, of which it is a part`);
  return enabled(wanted, maxTokens);
}

function budgetOf(reasoning: Reasoning | undefined): number {
  const exact = reasoning?.budgetTokens;
  if (exact !== undefined && exact < leastBudget)
    throw unsupportedField("reasoning.budget_tokens", `Anthropic thinks for at least ${leastBudget} tokens, or not at all with 0`);
  return exact ?? budgets[reasoning?.effort ?? ReasoningEffort.MINIMAL] ?? leastBudget;
}

function enabled(budget: number, maxTokens: number): Thinking {
  return { maxTokens, thinking: { type: "enabled", budget_tokens: budget } };
}

/** What Anthropic refuses together with thinking. */
function refuseBeside({ sampling, toolChoice, continueFinalMessage }: ChatRequest): void {
  if (sampling !== undefined) refuseDrawing(sampling);
  if (toolChoice?.mode === ToolChoiceMode.REQUIRED) refuse("tool_choice", "can be made to call no tool");
  if (continueFinalMessage) refuse("continue_final_message", "goes on from no message");
}

function refuseDrawing({ temperature = 1, topK = 0, topP = 1 }: Sampling): void {
  if (temperature !== 1) refuse("sampling.temperature", "draws at temperature 1");
  if (topK !== 0) refuse("sampling.top_k", "takes no top_k");
  if (topP < 0.95) refuse("sampling.top_p", "takes a top_p from 0.95");
}

function refuse(field: string, because: string): never {
  throw unsupportedField(field, `while it thinks, Anthropic ${because}; leave out this or reasoning`);
}

/** Whether the turn whose calls are being answered has lost its thinking, as it does in formats that have no place for a signature. */
function callsWithoutThinking(turns: readonly Turn[]): boolean {
  const [calling, answering] = turns.slice(-2);
  if (calling === undefined || answering === undefined || calling.role !== "assistant" || !has(answering, "tool_result")) return false;
  return !has(calling, "thinking") && !has(calling, "redacted_thinking");
}

function has({ content }: Turn, type: Block["type"]): boolean {
  return typeof content !== "string" && content.some((block) => block.type === type);
}
