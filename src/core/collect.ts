import {
  FinishReason,
  type ChatEvent,
  type ChatResponse,
  type Choice,
  type ReasoningDelta,
  type ToolCallDelta,
} from "../../gen/parley/v1/chat_pb.ts";
import { Role, type Message, type Part, type ReasoningPart } from "../../gen/parley/v1/messages_pb.ts";
import { fault } from "./reasons.ts";
import { readAll } from "./stream.ts";

// Literals of the generated types: every whole answer is made here, and `create` costs ten times as much.

/** Gathers a stream into the whole answer: parts keep the order in which they began. Throws what the stream throws, and `provider_truncated` when it ends without `completed`. */
export async function collect(events: AsyncIterable<ChatEvent>): Promise<ChatResponse> {
  const response: ChatResponse = { $typeName: "parley.v1.ChatResponse", id: "", model: "", choices: [] };
  const choices = new Choices(response.choices);
  let isComplete = false;
  await readAll(events, (event) => {
    isComplete = gather(response, choices, event) || isComplete;
    return undefined;
  });
  if (!isComplete) throw fault("provider_truncated", "the answer ended without its end mark");
  if (response.choices.length > 1) response.choices.sort((a, b) => a.index - b.index);
  return response;
}

/** The choices of an answer in the order in which they began, most often one. */
class Choices {
  readonly list: Choice[];
  /** Made for the second. */
  #byIndex: Map<number, Choice> | undefined;

  constructor(list: Choice[]) {
    this.list = list;
  }

  of(index: number): Choice {
    const last = this.list.at(-1);
    if (last?.index === index) return last;
    const known = this.#byIndex?.get(index);
    if (known !== undefined) return known;
    const fresh = emptyChoice(index);
    if (last !== undefined) (this.#byIndex ??= new Map([[last.index, last]])).set(index, fresh);
    this.list.push(fresh);
    return fresh;
  }
}

function emptyChoice(index: number): Choice {
  const message: Message = { $typeName: "parley.v1.Message", role: Role.ASSISTANT, parts: [], name: "" };
  return { $typeName: "parley.v1.Choice", index, message, reason: FinishReason.UNSPECIFIED, rawReason: "", logprobs: [] };
}

/** Adds one event; answers whether it was the last. */
function gather(response: ChatResponse, choices: Choices, { event }: ChatEvent): boolean {
  switch (event.case) {
    case "accepted":
      response.id = event.value.id;
      response.model = event.value.model;
      if (event.value.created !== undefined) response.created = event.value.created;
      return false;
    case "started":
      if (event.value.answerModel !== "") response.model = event.value.answerModel;
      return false;
    case "text": {
      const to = choices.of(event.value.choice);
      if (event.value.logprobs.length > 0) to.logprobs.push(...event.value.logprobs);
      const last = lastPart(to);
      if (last?.part.case === "text") last.part.value.text += event.value.text;
      else if (event.value.text !== "") addPart(to, { case: "text", value: { $typeName: "parley.v1.Text", text: event.value.text } });
      return false;
    }
    case "refusal": {
      const to = choices.of(event.value.choice);
      const last = lastPart(to);
      if (last?.part.case === "refusal") last.part.value.text += event.value.text;
      else addPart(to, { case: "refusal", value: { $typeName: "parley.v1.Refusal", text: event.value.text } });
      return false;
    }
    case "reasoning":
      gatherReasoning(choices.of(event.value.choice), event.value);
      return false;
    case "toolCall":
      gatherToolCall(choices.of(event.value.choice), event.value);
      return false;
    case "finished": {
      const to = choices.of(event.value.choice);
      to.reason = event.value.reason;
      to.rawReason = event.value.rawReason;
      if (event.value.stopSequence !== undefined) to.stopSequence = event.value.stopSequence;
      return false;
    }
    case "completed":
      if (event.value.usage !== undefined) response.usage = event.value.usage;
      if (event.value.servedBy !== undefined) response.servedBy = event.value.servedBy;
      if (event.value.timings !== undefined) response.timings = event.value.timings;
      return true;
    default:
      return false;
  }
}

function gatherReasoning(to: Choice, { text, signature, redactedData }: ReasoningDelta): void {
  const last = lastPart(to);
  if (last?.part.case !== "reasoning" || redactedData.length > 0 || isClosed(last.part.value)) {
    addPart(to, { case: "reasoning", value: { $typeName: "parley.v1.ReasoningPart", text, signature, redactedData } });
    return;
  }
  last.part.value.text += text;
  last.part.value.signature = signature;
}

/** A signature ends a piece of thinking, and one that is hidden comes whole. */
function isClosed({ signature, redactedData }: ReasoningPart): boolean {
  return signature !== "" || redactedData.length > 0;
}

/** Calls of a choice stand in the order of their index, which is the order in which they began. */
function gatherToolCall(to: Choice, delta: ToolCallDelta): void {
  const calls = to.message?.parts.filter(({ part }) => part.case === "toolCall") ?? [];
  const call = calls[delta.index];
  if (call?.part.case === "toolCall") {
    call.part.value.arguments += delta.arguments;
    return;
  }
  const { id, name } = delta;
  addPart(to, { case: "toolCall", value: { $typeName: "parley.v1.ToolCall", id, name, arguments: delta.arguments } });
}

function lastPart(choice: Choice): Part | undefined {
  return choice.message?.parts.at(-1);
}

function addPart(choice: Choice, part: Part["part"]): void {
  choice.message?.parts.push({ $typeName: "parley.v1.Part", part });
}
