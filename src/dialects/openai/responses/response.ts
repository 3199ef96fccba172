import type { ConnectError } from "@connectrpc/connect";
import { FinishReason, type ChatResponse, type Choice } from "../../../../gen/parley/v1/chat_pb.ts";
import type { Part } from "../../../../gen/parley/v1/messages_pb.ts";
import type { Timings, Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { reasonOf, reasons } from "../../../core/reasons.ts";
import { callItem, idStem, itemId, messageItem, outputLogprobs, outputText, thoughtItem } from "./items.ts";
import type { ResponseOptions } from "./request.ts";
import type { ItemStatus, OutputContent, OutputItem, OutputLogprob } from "./wire/items.ts";
import type { ResponseObject, ResponseStatus, ResponseUsage, Told } from "./wire/response.ts";

/** What is known of a response from its beginning. */
export interface ResponseHead {
  readonly stem: string;
  readonly model: string;
  /** ms since the epoch. */
  readonly createdMs: number;
  readonly told: Told;
}

/** What is known of it when it has ended. */
export interface ResponseEnd {
  readonly reason: FinishReason;
  readonly output: readonly OutputItem[];
  readonly usage: Usage | undefined;
  readonly timings: Timings | undefined;
}

/** The head of an answer that was accepted. */
export function headOf(accepted: Pick<ChatResponse, "id" | "model" | "created">, told: Told): ResponseHead {
  const { id, model, created } = accepted;
  const createdMs = Number(created?.seconds ?? 0n) * 1000 + Math.floor((created?.nanos ?? 0) / 1e6);
  return { stem: idStem(id), model, createdMs, told };
}

/** A response that has just begun. */
export function begun({ stem, model, createdMs, told }: ResponseHead): ResponseObject {
  return {
    id: `resp_${stem}`,
    object: "response",
    created_at: Math.floor(createdMs / 1000),
    completed_at: null,
    status: "in_progress",
    background: false,
    store: false,
    truncation: "disabled",
    access_programs: null,
    conversation: null,
    moderation: null,
    previous_response_id: null,
    prompt: null,
    service_tier: null,
    ...told,
    model,
    error: null,
    incomplete_details: null,
    output: [],
    output_text: "",
  };
}

/** The status that a response ends with; items that were cut off say the same. */
export function statusOf(reason: FinishReason): Extract<ResponseStatus & ItemStatus, "completed" | "incomplete"> {
  return reason === FinishReason.LENGTH || reason === FinishReason.CONTENT_FILTER ? "incomplete" : "completed";
}

/** A response that has ended. */
export function ended(head: ResponseHead, { reason, output, usage, timings }: ResponseEnd): ResponseObject {
  const status = statusOf(reason);
  const isFiltered = reason === FinishReason.CONTENT_FILTER;
  const totalMs = timings?.totalMs;
  const isTimed = status === "completed" && totalMs !== undefined;
  return {
    ...begun(head),
    status,
    completed_at: isTimed ? Math.floor((head.createdMs + totalMs) / 1000) : null,
    incomplete_details: status === "completed" ? null : { reason: isFiltered ? "content_filter" : "max_output_tokens" },
    output: [...output],
    output_text: textOf(output),
    ...(usage !== undefined && { usage: usageOf(usage) }),
  };
}

/** A response that failed after it had begun, as far as it came. Its codes are those that strict clients know; the error behind it says more. */
export function brokenOff(
  head: ResponseHead,
  { fault, message, output }: { readonly fault: ConnectError; readonly message: string; readonly output: readonly OutputItem[] },
): ResponseObject {
  const { http, fault: whose } = reasons[reasonOf(fault)];
  const code = http === 429 ? "rate_limit_exceeded" : whose === "caller" ? "invalid_prompt" : "server_error";
  return { ...begun(head), status: "failed", error: { code, message }, output: [...output], output_text: textOf(output) };
}

/** All text of an output. */
function textOf(output: readonly OutputItem[]): string {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  return parts.map((part) => (part.type === "output_text" ? part.text : "")).join("");
}

function usageOf({ promptTokens, completionTokens, cachedTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 }: Usage): ResponseUsage {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}

/** The response for a whole answer. */
export function chatResponseToResponse(response: ChatResponse, options: ResponseOptions): ResponseObject {
  const { usage, timings } = response;
  const [choice] = response.choices;
  const head = headOf(response, options.told);
  const reason = choice?.reason ?? FinishReason.UNSPECIFIED;
  return ended(head, { reason, output: outputOf(choice, head.stem, options), usage, timings });
}

/** The items of an answer: words that follow one another are parts of one message. */
function outputOf(choice: Choice | undefined, stem: string, options: ResponseOptions): OutputItem[] {
  const groups = groupsOf(choice?.message?.parts ?? []);
  // Logprobs are told of the answer as a whole: they stand with its first words.
  let logprobs = outputLogprobs(choice?.logprobs ?? []);
  const last = statusOf(choice?.reason ?? FinishReason.UNSPECIFIED);
  return groups.map((group, index) => {
    const status = index === groups.length - 1 ? last : "completed";
    const [first] = group;
    if (first?.part.case === "reasoning") return thoughtItem({ id: itemId("reasoning", stem, index), status }, first.part.value, options);
    if (first?.part.case === "toolCall") {
      const { id: callId, name, arguments: words } = first.part.value;
      return callItem(itemId("function_call", stem, index), status, { callId, name, arguments: words });
    }
    const content = contentOf(group, logprobs);
    logprobs = [];
    return messageItem(itemId("message", stem, index), status, content);
  });
}

function contentOf(parts: readonly Part[], logprobs: readonly OutputLogprob[]): OutputContent[] {
  const content = parts.map(({ part }): OutputContent => {
    if (part.case === "refusal") return { type: "refusal", refusal: part.value.text };
    return outputText(part.case === "text" ? part.value.text : "");
  });
  const first = content.find((part) => part.type === "output_text");
  if (first?.type === "output_text") first.logprobs = [...logprobs];
  return content;
}

/** Parts by the item that they belong to. An answer that says nothing is a message without words, for clients look for one. */
function groupsOf(parts: readonly Part[]): Part[][] {
  const groups: Part[][] = [];
  for (const part of parts) {
    const last = groups.at(-1);
    if (last !== undefined && isWords(part) && isWords(last[0])) last.push(part);
    else groups.push([part]);
  }
  return groups.length > 0
    ? groups
    : [[{ $typeName: "parley.v1.Part", part: { case: "text", value: { $typeName: "parley.v1.Text", text: "" } } }]];
}

function isWords(part: Part | undefined): boolean {
  return part?.part.case === "text" || part?.part.case === "refusal";
}
