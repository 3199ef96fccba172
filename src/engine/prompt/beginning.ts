import type { EngineConversation, EngineMessage } from "../protocol.ts";

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

/** What all lists begin with. */
export function commonBeginning<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const [first = [], ...others] = lists;
  const length = first.findIndex((item, index) => others.some((other) => other[index] !== item));
  return length < 0 ? first : first.slice(0, length);
}
