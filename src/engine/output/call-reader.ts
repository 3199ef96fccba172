import type { EngineTool } from "../protocol/prompt.ts";

/** Reads what follows the opener of calls, character by character. */
export interface CallReader {
  /** Whether more is to come, this character was the last of it, or it is no call: then the character is not taken, and all that no call came of is text. */
  push(character: string): "more" | "end" | "bad";
}

/** Who is told of the calls that a reader finds. */
export interface CallSink {
  /** The function of this name, if it may be called. */
  tool(name: string): EngineTool | undefined;
  /** A call begins; `closing` is what must follow its arguments. */
  begin(name: string, closing: "" | "}"): void;
  /** The next piece of the arguments' JSON text. */
  add(text: string): void;
  /** The call is complete. Answers whether it is one: else all of it is text. */
  finish(): boolean;
}

/** So much is held back at most before a call is known to be one. */
export const mostHeld = 65_536;
