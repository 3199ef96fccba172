import type { EngineConversation, EngineMessage } from "../protocol/prompt.ts";

/** First characters of messages that tokenizers treat differently: what all of them leave alone, every message does. */
const openings = ["A", "7", " x", "\nx", "\n\n", "<", "é"];

/** Conversations that go on from this one; what they have in common is the beginning of every one that does. */
export function continuations(conversation: EngineConversation): readonly EngineConversation[] {
  const { messages } = conversation;
  const last = messages.at(-1)?.role;
  const isAsked = last === "user" || last === "tool";
  const more = (added: readonly EngineMessage[]): EngineConversation => ({
    ...conversation,
    continueFinalMessage: false,
    messages: [...messages, ...added],
  });
  if (isAsked)
    return [
      more([]),
      more([
        { role: "assistant", text: "A" },
        { role: "user", text: "B" },
      ]),
    ];
  return openings.map((text) => more([{ role: "user", text: `${text}.` }]));
}

/** How much of them all lists, or texts, begin with. */
export function commonLength([first, ...others]: readonly ArrayLike<unknown>[]): number {
  const length = first?.length ?? 0;
  for (let index = 0; index < length; index++) if (others.some((other) => other[index] !== first?.[index])) return index;
  return length;
}
