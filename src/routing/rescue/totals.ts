import type { ChatEvent, ChatRequest, Completed } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Splice, type Usage } from "../../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../../core/context.ts";
import { estimatedPromptTokens, estimatedUsage } from "../../core/estimate.ts";
import { chatEvent } from "../../core/events.ts";
import type { Told } from "./told.ts";
import type { Way } from "./ways.ts";

/** What is known of an answer that several attempts wrote. */
export interface Pieced {
  readonly request: ChatRequest;
  readonly context: CallContext;
  readonly told: Told;
  /** Instant of the first content, ms since the epoch. */
  readonly firstContentMs: number;
  readonly way: Pick<Way, "name" | "told">;
  readonly splices: readonly Splice[];
}

/** The event as the end of the whole answer, where it is `completed`: who wrote what, and the tokens of all that the client has, the prompt's once. */
export function wholeOf(event: ChatEvent, pieced: Pieced): ChatEvent {
  if (event.event.case !== "completed") return event;
  const { value } = event.event;
  const whole: Completed = { ...value, usage: usageOf(value.usage, pieced) };
  if (value.servedBy !== undefined) {
    const fallback = value.servedBy.fallback || pieced.told.isFallback();
    whole.servedBy = { ...value.servedBy, fallback, splices: [...pieced.splices] };
  }
  if (value.timings !== undefined) {
    const firstTokenMs = Math.round(pieced.firstContentMs - pieced.context.startedMs);
    whole.timings = { ...value.timings, firstTokenMs };
  }
  return chatEvent({ case: "completed", value: whole });
}

/**
 * An attempt that went on from the text read that text as prompt: as many tokens as it is estimated to be are counted as written instead, so that the sum stays what the upstream told.
 * One that began anew wrote all that the client has.
 */
function usageOf(usage: Usage | undefined, { request, told, way }: Pieced): Usage {
  if (usage === undefined) return estimatedUsage(estimatedPromptTokens(request), told.length() + told.thoughts().length);
  if (way.name === "restarted") return usage;
  const { textTokens, thoughtTokens } = way.told;
  const promptTokens = Math.max(0, usage.promptTokens - textTokens);
  const written = Math.max(0, usage.completionTokens - (usage.reasoningTokens ?? 0)); // what it thought anew was not told
  const whole: Usage = {
    ...usage,
    promptTokens,
    completionTokens: written + textTokens + thoughtTokens,
    source: UsageSource.ESTIMATED,
  };
  delete whole.reasoningTokens;
  if (thoughtTokens > 0) whole.reasoningTokens = thoughtTokens;
  if (usage.cachedTokens !== undefined) whole.cachedTokens = Math.min(usage.cachedTokens, promptTokens);
  return whole;
}
