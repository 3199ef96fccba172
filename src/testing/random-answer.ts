import { defaultLimits } from "../core/limits.ts";
import { refusedFields } from "../core/fields.ts";
import { reasonOf } from "../core/reasons.ts";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Provider } from "../core/ports.ts";
import { chatViolations } from "../layers/validate.ts";
import { answerOf } from "./collect-events.ts";

/** What becomes of a request that may be nonsense: `answered`, or the reason it is refused for, by the checks before a provider or by it. Throws what nobody foresaw. */
export async function outcomeOf(provider: Provider, request: ChatRequest, mostMs: number): Promise<string> {
  if (chatViolations(request, defaultLimits).length > 0) return "refused before the provider";
  if (refusedFields(request, provider.fields).length > 0) return "unsupported field";
  try {
    await answerOf(provider, request, { signal: AbortSignal.timeout(mostMs) });
    return "answered";
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === "internal" || reason === "engine_failed" || reason === "deadline_exceeded") throw error;
    return reason;
  }
}
