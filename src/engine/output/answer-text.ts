import type { OutputPiece } from "../output.ts";
import { CallParser } from "./call-parser.ts";
import type { CallRules, Calls } from "./call-sink.ts";
import type { ThinkingMarks } from "./styles.ts";
import { Thinking } from "./thinking.ts";

/** Takes apart the text of one answer, however it is cut. */
export interface AnswerText {
  readonly isReasoning: boolean;
  /** How often thinking has ended. */
  readonly thoughts: number;
  /** Its calls; undefined where there are none to find. */
  readonly calls: Calls | undefined;
  /** Takes the next characters. `admit` is asked of visible text that came together with the end of thinking; text that it refuses is dropped. */
  push(text: string, admit?: (visible: string) => boolean): void;
  /** What may be told now. */
  take(): OutputPiece[];
  /** The end: what was held back. */
  end(): OutputPiece[];
}

/** What may stand in an answer. */
export interface AnswerParts {
  readonly thinking?: { readonly marks: ThinkingMarks; readonly isOpen: boolean };
  readonly calls?: CallRules;
}

/** An answer of thinking, then text and calls. */
export class MarkedText implements AnswerText {
  readonly #thinking: Thinking | undefined;
  readonly #parser: CallParser | undefined;
  #pieces: OutputPiece[] = [];

  constructor({ thinking, calls }: AnswerParts) {
    this.#thinking = thinking === undefined ? undefined : new Thinking(thinking.marks, thinking.isOpen);
    this.#parser = calls === undefined ? undefined : new CallParser(calls);
  }

  get isReasoning(): boolean {
    return this.#thinking?.isInside ?? false;
  }

  get thoughts(): number {
    return this.#thinking?.hasEnded === true ? 1 : 0;
  }

  get calls(): Calls | undefined {
    return this.#parser?.calls;
  }

  push(text: string, admit: (visible: string) => boolean = () => true): void {
    if (this.#thinking === undefined) return this.#visible(text);
    const wasThinking = this.isReasoning || this.thoughts === 0;
    const read = this.#thinking.push(text);
    this.#reasoning(read.reasoning);
    if (!wasThinking || this.thoughts === 0 || admit(read.text)) this.#visible(read.text);
  }

  take(): OutputPiece[] {
    const pieces = [...this.#pieces, ...(this.#parser?.take() ?? [])];
    this.#pieces = [];
    return pieces;
  }

  end(): OutputPiece[] {
    const left = this.#thinking?.end();
    this.#reasoning(left?.reasoning ?? "");
    this.#visible(left?.text ?? "");
    return [...this.take(), ...(this.#parser?.end() ?? [])];
  }

  #reasoning(text: string): void {
    if (text !== "") this.#pieces.push({ type: "reasoning", text });
  }

  #visible(text: string): void {
    if (this.#parser !== undefined) this.#parser.push(text);
    else if (text !== "") this.#pieces.push({ type: "text", text });
  }
}
