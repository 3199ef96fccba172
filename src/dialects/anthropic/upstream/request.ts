import type { ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { Role, type ResponseFormat } from "../../../../gen/parley/v1/messages_pb.ts";
import type { Sampling } from "../../../../gen/parley/v1/sampling_pb.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { requestOptions, type RequestOptions } from "./options.ts";
import { thinkingOf } from "./thinking.ts";
import { toolsOf } from "./tools.ts";
import type { AnthropicTraits } from "./traits.ts";
import { conversationOf } from "./turns.ts";
import type { Block, MessagesBody, Turn } from "./wire.ts";

interface AskedBy {
  readonly isStream: boolean;
  readonly traits: AnthropicTraits;
  /** Read already, where more than the body depends on them. */
  readonly options?: RequestOptions;
}

/** A chat as Anthropic's API takes it. Throws `unsupported_field` and `invalid_request` naming the field. */
export function messagesBody(request: ChatRequest, { isStream, traits, options }: AskedBy): MessagesBody {
  const { fields, own } = options ?? requestOptions(request.providerOptions, traits.optionKeys);
  refuseUnknown(request);
  const { system, turns } = conversationOf(request.messages, traits.optionKeys);
  checkEnd(request, turns);
  const { maxTokens, thinking, effort } = thinkingOf(request, turns, { traits, own });
  const format = formatOf(request.responseFormat);
  return {
    model: request.model,
    max_tokens: maxTokens,
    messages: turns,
    stream: isStream,
    ...(system.length > 0 && { system }),
    ...drawnBy(request.sampling),
    ...(request.stop.length > 0 && { stop_sequences: stopsOf(request.stop) }),
    ...toolsOf(request, traits.optionKeys),
    ...(thinking !== undefined && { thinking }),
    ...((format !== undefined || effort !== undefined) && {
      output_config: { ...(effort !== undefined && { effort }), ...(format !== undefined && { format }) },
    }),
    ...(request.endUserId !== "" && { metadata: { user_id: request.endUserId } }),
    ...fields,
  };
}

/** Whether a request refers to files that the API keeps, which this version of it has in beta. */
export function hasFiles({ messages }: MessagesBody): boolean {
  const isFile = (block: Block): boolean => {
    if (block.type === "image" || block.type === "document") return block.source.type === "file";
    return block.type === "tool_result" && typeof block.content === "object" && block.content.some(isFile);
  };
  return messages.some(({ content }) => typeof content !== "string" && content.some(isFile));
}

/** Refuses numbers that ask for something; at their neutral values they ask for nothing, and clients send them. */
function refuseUnknown({ choices = 1, minTokens = 0, ignoreEos = false, sampling }: ChatRequest): void {
  const refuse = (isAsked: boolean, field: string, because: string) => {
    if (isAsked) throw unsupportedField(field, because);
  };
  refuse(choices > 1, "choices", "Anthropic writes one answer; ask several times");
  refuse(minTokens > 0, "min_tokens", "Anthropic cannot keep a model from ending");
  refuse(ignoreEos, "ignore_eos", "Anthropic cannot keep a model from ending");
  if (sampling === undefined) return;
  const { temperature = 0, presencePenalty = 0, frequencyPenalty = 0, repeatPenalty = 1, minP = 0 } = sampling;
  const undrawn = "Anthropic draws by temperature, top_p and top_k alone";
  refuse(temperature > 1, "sampling.temperature", "Anthropic's highest is 1");
  refuse(presencePenalty !== 0, "sampling.presence_penalty", undrawn);
  refuse(frequencyPenalty !== 0, "sampling.frequency_penalty", undrawn);
  refuse(repeatPenalty !== 1, "sampling.repeat_penalty", undrawn);
  refuse(minP !== 0, "sampling.min_p", undrawn);
}

function drawnBy(sampling: Sampling | undefined): Pick<MessagesBody, "temperature" | "top_p" | "top_k"> {
  const { temperature, topP, topK } = sampling ?? {};
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    // 0 means all of them here, and nothing there.
    ...(topK !== undefined && topK > 0 && { top_k: topK }),
  };
}

function stopsOf(stop: readonly string[]): string[] {
  return stop.map((text, index) => {
    if (text.trim() === "") throw unsupportedField(`stop[${index}]`, "Anthropic takes no stop text of white space alone");
    return text;
  });
}

function formatOf(responseFormat: ResponseFormat | undefined): NonNullable<MessagesBody["output_config"]>["format"] {
  if (responseFormat?.format.case !== "jsonSchema") return undefined;
  const schema = parsedJson(responseFormat.format.value.schema);
  if (!isJsonObject(schema)) throw invalidField("response_format.json_schema.schema", "is no JSON object");
  return { type: "json_schema", schema };
}

/** Anthropic always goes on from an assistant's message at the end: that must be wanted, and the message must be one that it can go on from. */
function checkEnd({ continueFinalMessage, messages }: ChatRequest, turns: readonly Turn[]): void {
  const index = messages.findLastIndex(({ role }) => role !== Role.SYSTEM && role !== Role.DEVELOPER);
  const last = turns.at(-1);
  if (last?.role !== "assistant") {
    if (continueFinalMessage) throw invalidField("continue_final_message", "needs an assistant message at the end that says something");
    return;
  }
  if (!continueFinalMessage)
    throw unsupportedField(
      `messages[${index}]`,
      "Anthropic goes on from an assistant's message at the end instead of answering it: ask for that with continue_final_message",
    );
  const block = typeof last.content === "string" ? last.content : last.content.at(-1);
  const text = typeof block === "object" ? block.type === "text" && block.text : block;
  if (typeof text !== "string") throw unsupportedField(`messages[${index}]`, "Anthropic goes on from text only");
  if (text.trimEnd() === text) return;
  throw unsupportedField(`messages[${index}].parts`, "end with white space, and from such a message Anthropic does not go on: trim it");
}
