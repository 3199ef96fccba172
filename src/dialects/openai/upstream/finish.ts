import { FinishReason, type ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { finished } from "../../../core/events.ts";
import type { JsonObject } from "../../../core/json.ts";
import { fault } from "../../../core/reasons.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";

/** Words for the end of a choice, as OpenAI and servers like it spell them. */
const reasonsByWord: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  eos_token: FinishReason.STOP,
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  length: FinishReason.LENGTH,
  max_tokens: FinishReason.LENGTH,
  model_length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  tool_use: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
};

/** Words with which a server says that it gave up: an answer that is cut so is no answer. */
const failures: Readonly<Record<string, string>> = {
  error: "the model failed",
  abort: "it was aborted",
  insufficient_system_resource: "the upstream had no resources left",
};

const mostRawCharacters = 64;

interface Finish {
  readonly choice: JsonObject;
  /** Whether the choice called tools: several servers say `stop` then. */
  readonly hasCalls: boolean;
  readonly asked: AskedUpstream;
}

/** The end of a choice, with the upstream's own word. Throws `provider_error` where the word means that the upstream gave up. */
// oxlint-disable-next-line max-params -- index and word are plain values
export function finishEvent(index: number, word: string, { choice, hasCalls, asked }: Finish): ChatEvent {
  const failure = Object.hasOwn(failures, word) ? failures[word] : undefined;
  if (failure !== undefined)
    throw fault("provider_error", `${asked.provider} broke its answer off: ${failure}`, { provider: asked.provider });
  const known = Object.hasOwn(reasonsByWord, word) ? reasonsByWord[word] : undefined;
  const reason = known === FinishReason.STOP && hasCalls ? FinishReason.TOOL_CALLS : (known ?? FinishReason.OTHER);
  const { native_finish_reason: native, stop_reason: stop } = choice;
  return finished(index, reason, {
    rawReason: (typeof native === "string" && native !== "" ? native : word).slice(0, mostRawCharacters).toWellFormed(),
    // vLLM tells the text that hit, or the number of a token.
    ...(typeof stop === "string" && { stopSequence: stop.toWellFormed() }),
  });
}
