import type { TokenLogprob, TopLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { mustComeBack, sealed, type Thought } from "./sealed.ts";
import type { ItemStatus, OutputContent, OutputItem, OutputLogprob, OutputText } from "./wire/items.ts";

/** How thinking is told. */
export interface ThoughtOptions {
  readonly isSummaryWanted: boolean;
  readonly isSealWanted: boolean;
}

/** What the ids of a response and of its items are made of: that of the answer, without its own beginning. */
export function idStem(answerId: string): string {
  return answerId.replace(/^[a-z]+-/u, "").replaceAll("-", "");
}

const beginnings = { message: "msg", function_call: "fc", reasoning: "rs" } as const;

/** The id of an item: the same however often the answer is written. */
export function itemId(type: OutputItem["type"], stem: string, index: number): string {
  return `${beginnings[type]}_${stem}${index.toString(16).padStart(4, "0")}`;
}

/** Text of an answer. */
export function outputText(text: string, logprobs: readonly OutputLogprob[] = []): OutputText {
  return { type: "output_text", text, annotations: [], logprobs: [...logprobs] };
}

/** A message of an answer. */
export function messageItem(id: string, status: ItemStatus, content: readonly OutputContent[]): OutputItem {
  return { id, type: "message", status, role: "assistant", content: [...content], phase: null };
}

/** A call that the model made. */
export interface MadeCall {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

/** By the model itself, and waited for. */
const called = { async: false, caller: null } as const;

/** A call of an answer. */
export function callItem(id: string, status: ItemStatus, call: MadeCall): OutputItem {
  return { id, type: "function_call", status, call_id: call.callId, name: call.name, arguments: call.arguments, ...called };
}

/** Thinking of an answer. */
export function thoughtItem(
  { id, status }: { readonly id: string; readonly status: ItemStatus },
  thought: Thought,
  { isSummaryWanted, isSealWanted }: ThoughtOptions,
): OutputItem {
  const { text } = thought;
  const isTold = text !== "";
  return {
    id,
    type: "reasoning",
    status,
    summary: isTold && isSummaryWanted ? [{ type: "summary_text", text }] : [],
    content: isTold && !isSummaryWanted ? [{ type: "reasoning_text", text }] : [],
    encrypted_content: (isSealWanted && isTold) || mustComeBack(thought) ? sealed(thought) : null,
  };
}

/** Tokens with their probabilities. */
export function outputLogprobs(tokens: readonly TokenLogprob[]): OutputLogprob[] {
  return tokens.map((token) => ({ ...logprob(token), top_logprobs: token.top.map(logprob) }));
}

function logprob({ token, logprob: value, bytes }: TokenLogprob | TopLogprob) {
  // JSON has no infinity: OpenAI writes what can never come as -9999.
  return { token, logprob: Number.isFinite(value) ? value : -9999, bytes: [...bytes] };
}
