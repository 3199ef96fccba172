import type { Prompt } from "./prompt.ts";
import type { EngineRequest } from "./protocol.ts";

/** What a part of the model's text is. */
export type OutputPiece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  /** The first of a call has `id` and `name`; the rest are pieces of its arguments' JSON text. */
  | { readonly type: "tool-call"; readonly index: number; readonly id?: string; readonly name?: string; readonly arguments: string };

/** Takes apart what one choice writes, and says what it may write next. */
export interface Output {
  /** GBNF that everything from the next token on must match; undefined: anything goes. It may be another after each `push`, and is compared by identity. */
  readonly grammar: string | undefined;
  /** Whether what is written now is thinking. */
  readonly isReasoning: boolean;
  /** Whether tools were called. */
  readonly hasCalls: boolean;
  /** Whether the answer is complete, though the model may not have said so. */
  readonly isComplete: boolean;
  /** Takes the next whole characters. */
  push(text: string): readonly OutputPiece[];
  /** The end: what was held back. */
  end(): readonly OutputPiece[];
}

/** How the answers to one request are written and read. */
export interface OutputPlan {
  /** Whether a choice is, or may come to be, held to a grammar: the fields of the request that ask for it; empty: never. */
  readonly grammarFields: readonly string[];
  /** Texts of special tokens that `push` wants to see; others are left out of an answer. */
  readonly markers: ReadonlySet<string>;
  /** An output for one choice. */
  begin(): Output;
}

/** Plans the output of a request. Throws `invalid_request` or `unsupported_field` naming the field that cannot be honoured. */
export function planOutput(_request: EngineRequest, _prompt: Prompt): OutputPlan {
  return { grammarFields: [], markers: new Set(), begin: plainOutput };
}

/** Everything is text. */
export function plainOutput(): Output {
  return {
    grammar: undefined,
    isReasoning: false,
    hasCalls: false,
    isComplete: false,
    push: (text) => (text === "" ? [] : [{ type: "text", text }]),
    end: () => [],
  };
}
