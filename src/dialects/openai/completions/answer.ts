import { FinishReason, type ChatResponse, type Choice } from "../../../../gen/parley/v1/chat_pb.ts";
import { fingerprinted, usageToOpenAI } from "../response.ts";
import type { Completion, CompletionFinish } from "../wire/completions.ts";
import { completionLogprobs } from "./logprobs.ts";
import type { CompletionForm } from "./request.ts";

/** `text_completion` for the answers to all prompts: every key that OpenAI's has, null where there is no value. */
export function completionToOpenAI({ id, model, created, choices, usage, servedBy }: ChatResponse, form: CompletionForm): Completion {
  return {
    id: completionId(id),
    object: "text_completion",
    created: Number(created?.seconds ?? 0n),
    model,
    ...fingerprinted(servedBy),
    choices: toldOf(choices, form).map((choice, index) => ({
      text: textOf(choice),
      index,
      logprobs: form.hasLogprobs ? completionLogprobs(choice.logprobs, 0) : null,
      finish_reason: completionFinish(choice.reason),
    })),
    ...(usage !== undefined && { usage: usageToOpenAI(usage) }),
  };
}

/** The id of an answer, as those of completions look. */
export function completionId(id: string): string {
  return id.replace(/^chat/u, "");
}

/** Why a choice ended, in the words of this format. */
export function completionFinish(reason: FinishReason): CompletionFinish {
  if (reason === FinishReason.LENGTH) return "length";
  return reason === FinishReason.CONTENT_FILTER ? "content_filter" : "stop";
}

/** The likeliest answers to each prompt, the likeliest first, where more were written than are told. */
function toldOf(choices: readonly Choice[], { told, written }: CompletionForm): readonly Choice[] {
  if (written === told) return choices;
  const prompts = Array.from({ length: Math.ceil(choices.length / written) }, (_, index) =>
    choices.slice(index * written, (index + 1) * written),
  );
  return prompts.flatMap((answers) => answers.toSorted((a, b) => likelihood(b) - likelihood(a)).slice(0, told));
}

/** Mean logprob of an answer's tokens. */
function likelihood({ logprobs }: Choice): number {
  if (logprobs.length === 0) return -Infinity;
  return logprobs.reduce((sum, { logprob }) => sum + logprob, 0) / logprobs.length;
}

/** All that the model wrote, in its order: nothing stands apart in this format. */
function textOf({ message }: Choice): string {
  const texts = (message?.parts ?? []).map(({ part }) =>
    part.case === "text" || part.case === "reasoning" || part.case === "refusal" ? part.value.text : "",
  );
  return texts.join("");
}
