import { FinishReason, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import { completed, finished, started, text } from "../core/events.ts";

/** The events of an honest answer that says these words. */
export function answer(words: readonly string[], { provider = "test", model = "m" } = {}): ChatEvent[] {
  const usage = { $typeName: "parley.v1.Usage" as const, promptTokens: 3, completionTokens: words.length, source: UsageSource.PROVIDER };
  return [started(provider, model), ...words.map((word) => text(0, word)), finished(0, FinishReason.STOP), completed({ usage })];
}
