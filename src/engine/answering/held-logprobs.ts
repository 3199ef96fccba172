import type { Read } from "./answer-reader.ts";
import type { EngineEvent, EngineLogprob } from "../protocol/events.ts";

/** Keeps the logprobs of tokens until their text is told. */
export interface HeldLogprobs {
  /** A token whose text begins after so many characters of the answer. */
  add(logprob: EngineLogprob, at: number): void;
  /** Those of tokens whose text has begun within so many characters. */
  upTo(characters: number): readonly EngineLogprob[];
  /** All that are left. */
  rest(): readonly EngineLogprob[];
}

/** Nothing held yet. */
export function heldLogprobs(): HeldLogprobs {
  let held: { readonly logprob: EngineLogprob; readonly at: number }[] = [];
  const take = (isWanted: (at: number) => boolean) => {
    const taken = held.filter(({ at }) => isWanted(at));
    held = held.filter(({ at }) => !isWanted(at));
    return taken.map(({ logprob }) => logprob);
  };
  return {
    add: (logprob, at) => void held.push({ logprob, at }),
    upTo: (characters) => take((at) => at < characters),
    rest: () => take(() => true),
  };
}

/** What is told of a read: its logprobs go with its last text, and without one they come alone. */
export function contentEvents(choice: number, { pieces, logprobs }: Pick<Read, "pieces" | "logprobs">): readonly EngineEvent[] {
  const events: EngineEvent[] = pieces.map((piece) => ({ choice, ...piece }));
  if (logprobs.length === 0) return events;
  const at = pieces.findLastIndex(({ type }) => type === "text");
  const text = pieces[at]?.type === "text" ? pieces[at].text : "";
  return events.toSpliced(at < 0 ? events.length : at, at < 0 ? 0 : 1, { type: "text", choice, text, logprobs });
}
