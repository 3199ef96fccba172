import { Role, type Media, type Message, type Part, type ToolCall, type ToolResult } from "../../../../gen/parley/v1/messages_pb.ts";
import { isJsonObject } from "../../../core/json.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { exactJson } from "../../exact-json.ts";
import { inlineMedia } from "../../media.ts";
import type { WireCall, WireMessage } from "./wire.ts";

/** Names of the functions that calls were made of, by the call's id. */
type CalledNames = Map<string, string>;

/** A conversation as Ollama takes it; each result of a tool is a message of its own. Throws `unsupported_field` and `invalid_request` naming the part. */
export function messagesToOllama(messages: readonly Message[]): WireMessage[] {
  const called: CalledNames = new Map();
  const written: WireMessage[] = [];
  for (let index = 0; index < messages.length; index++) addMessage(written, messages[index]!, { at: `messages[${index}]`, called });
  return written;
}

function addMessage(written: WireMessage[], message: Message, { at, called }: { readonly at: string; readonly called: CalledNames }): void {
  const gathered = new Gathered(message.role === Role.ASSISTANT);
  for (let index = 0; index < message.parts.length; index++) {
    const part = message.parts[index]!;
    const place = `${at}.parts[${index}]`;
    if (part.part.case === "toolResult") written.push(toolMessage(part.part.value, { at: `${place}.tool_result`, called }));
    else gathered.add(part, place);
  }
  for (const { id, function: made } of gathered.calls) called.set(id, made.name);
  // What holds nothing but results has been written with them.
  if (!gathered.isEmpty || !message.parts.some(({ part }) => part.case === "toolResult"))
    written.push(gathered.message(roleOf(message.role)));
}

function roleOf(role: Role): WireMessage["role"] {
  if (role === Role.SYSTEM || role === Role.DEVELOPER) return "system";
  if (role === Role.ASSISTANT) return "assistant";
  return role === Role.TOOL ? "tool" : "user";
}

/** The parts of one message, gathered as Ollama has them: one text, pictures, calls and thinking apart. */
class Gathered {
  readonly calls: WireCall[] = [];
  readonly #isAssistant: boolean;
  readonly #texts: string[] = [];
  readonly #images: string[] = [];
  readonly #thoughts: string[] = [];

  constructor(isAssistant: boolean) {
    this.#isAssistant = isAssistant;
  }

  get isEmpty(): boolean {
    return this.#texts.length + this.#images.length + this.#thoughts.length + this.calls.length === 0;
  }

  add({ part }: Part, at: string): void {
    switch (part.case) {
      case "text":
      case "refusal":
        if (part.value.text !== "") this.#texts.push(part.value.text);
        return;
      case "image":
        this.#images.push(picture(part.value, `${at}.image`));
        return;
      case "reasoning":
        this.#thoughts.push(part.value.text);
        return;
      case "toolCall":
        this.calls.push(toolCall(part.value, `${at}.tool_call`));
        return;
      default:
        throw unsupportedField(at, "Ollama takes text and pictures");
    }
  }

  message(role: WireMessage["role"]): WireMessage {
    return {
      role,
      // An answer of several parts was one text; parts of a question are lines of their own.
      content: this.#texts.join(this.#isAssistant ? "" : "\n"),
      ...(this.#images.length > 0 && { images: this.#images }),
      ...(this.#thoughts.some((text) => text !== "") && { thinking: this.#thoughts.join("") }),
      ...(this.calls.length > 0 && { tool_calls: this.calls }),
    };
  }
}

function picture(media: Media, at: string): string {
  const inline = inlineMedia(media, at);
  if (inline === undefined) throw unsupportedField(at, "Ollama takes the bytes of a picture, not where they are");
  return inline.base64;
}

function toolCall({ id, name, arguments: text }: ToolCall, at: string): WireCall {
  return { id, function: { name, arguments: argumentsObject(text, `${at}.arguments`) } };
}

function argumentsObject(text: string, at: string): object {
  if (text.trim() === "") return {};
  const refusal = "is no JSON object, which Ollama wants of a call that was made: mend it, or leave out the call with its result";
  let parsed: unknown;
  try {
    parsed = exactJson(text);
  } catch {
    throw invalidField(at, refusal);
  }
  if (!isJsonObject(parsed)) throw invalidField(at, refusal);
  return parsed;
}

/** Ollama's own templates want the function's name, which our results leave to the call. */
function toolMessage(
  { toolCallId, content }: ToolResult,
  { at, called }: { readonly at: string; readonly called: CalledNames },
): WireMessage {
  const texts = content.map(({ part }, index) => {
    if (part.case !== "text") throw unsupportedField(`${at}.content[${index}]`, "tools answer Ollama's models with text");
    return part.value.text;
  });
  const name = called.get(toolCallId);
  return { role: "tool", content: texts.join("\n"), ...(name !== undefined && { tool_name: name }), tool_call_id: toolCallId };
}
