import { Role, type Message } from "../../../../gen/parley/v1/messages_pb.ts";
import { unsupportedField } from "../../../core/reasons.ts";
import { assistantBlock, userBlock } from "./blocks.ts";
import type { OptionKeys } from "../../given-options.ts";
import { cacheControlOf, refuseOptions, type OptionPlace } from "./options.ts";
import type { Block, TextBlock, Turn } from "./wire.ts";

/** A conversation as Anthropic takes it. */
export interface Conversation {
  readonly system: TextBlock[];
  readonly turns: Turn[];
}

interface OpenTurn {
  readonly role: Turn["role"];
  readonly blocks: Block[];
}

/**
 * Instructions stand apart from the turns, wherever they were said: this version of the API has no place for them in between, and as words of the user they would weigh less.
 * Messages of one side that follow one another are one turn. An assistant's message that says nothing is left out.
 */
export function conversationOf(messages: readonly Message[], keys: OptionKeys): Conversation {
  const system: TextBlock[] = [];
  const open: OpenTurn[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index]!;
    const place = { at: `messages[${index}]`, keys };
    refuseOptions(message.providerOptions, place);
    if (message.role === Role.SYSTEM || message.role === Role.DEVELOPER) addInstructions(system, message, place);
    else addTurn(open, message, place);
  }
  if (open.length === 0) throw unsupportedField("messages", "Anthropic wants a message of the user beside its instructions");
  return { system, turns: open.map(closed) };
}

function addInstructions(system: TextBlock[], { parts }: Message, { at, keys }: OptionPlace): void {
  for (const [index, { part, providerOptions }] of parts.entries()) {
    const place = { at: `${at}.parts[${index}]`, keys };
    if (part.case !== "text") throw unsupportedField(place.at, "Anthropic takes instructions as text");
    if (part.value.text === "") continue;
    const control = cacheControlOf(providerOptions, place);
    system.push({ type: "text", text: part.value.text, ...(control !== undefined && { cache_control: control }) });
  }
}

function addTurn(open: OpenTurn[], { role: speaker, parts }: Message, { at, keys }: OptionPlace): void {
  const role = speaker === Role.ASSISTANT ? "assistant" : "user";
  const toBlock = role === "assistant" ? assistantBlock : userBlock;
  const blocks: Block[] = [];
  for (let index = 0; index < parts.length; index++) {
    const block = toBlock(parts[index]!, { at: `${at}.parts[${index}]`, keys });
    if (block !== undefined) blocks.push(block);
  }
  if (blocks.length === 0) {
    if (role === "assistant") return;
    throw unsupportedField(`${at}.parts`, "Anthropic takes no empty message");
  }
  const last = open.at(-1);
  if (last?.role === role) last.blocks.push(...blocks);
  else open.push({ role, blocks });
}

/** What Anthropic wants first stands first: results of tools in a turn of the user, thinking in one of the assistant. All else keeps its order. */
function closed({ role, blocks }: OpenTurn): Turn {
  // Thinking between the calls of one turn stays where it was.
  const ordered = role === "assistant" && isFirst(blocks[0]!) ? blocks : inOrder(blocks);
  const [first] = ordered;
  const isPlain = ordered.length === 1 && first?.type === "text" && first.cache_control === undefined;
  return { role, content: isPlain ? first.text : ordered };
}

function inOrder(blocks: Block[]): Block[] {
  if (!blocks.some(isFirst)) return blocks;
  return [...blocks.filter(isFirst), ...blocks.filter((block) => !isFirst(block))];
}

function isFirst({ type }: Block): boolean {
  return type === "tool_result" || type === "thinking" || type === "redacted_thinking";
}
