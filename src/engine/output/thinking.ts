import type { ThinkingMarks } from "./styles.ts";

const space = /\s/;

/** Separates the thinking with which an answer begins from what follows it. White space around it is of the marks, not of the texts. */
export class Thinking {
  readonly #marks: ThinkingMarks;
  #state: "before" | "inside" | "after" | "gap";
  #held = "";
  #isFresh = true;

  /** `isOpen` when the prompt has opened it. */
  constructor(marks: ThinkingMarks, isOpen: boolean) {
    this.#marks = marks;
    this.#state = isOpen ? "inside" : "before";
  }

  /** Whether what is written now is thinking. */
  get isInside(): boolean {
    return this.#state === "inside";
  }

  /** Whether it has ended. */
  get hasEnded(): boolean {
    return this.#state === "gap" || this.#state === "after";
  }

  /** Takes the next characters; answers with the thinking and the text among them. */
  push(text: string): { readonly reasoning: string; readonly text: string } {
    let reasoning = "";
    let visible = "";
    for (const character of text) {
      if (this.#state === "after") visible += character;
      else if (this.#state === "gap") visible += this.#gap(character);
      else if (this.#state === "before") visible += this.#before(character);
      else reasoning += this.#inside(character);
    }
    return { reasoning, text: visible };
  }

  /** The end: what was held back, which is thinking inside, and text before it. */
  end(): { readonly reasoning: string; readonly text: string } {
    const held = this.#held;
    this.#held = "";
    return this.#state === "inside" ? { reasoning: held.trimEnd(), text: "" } : { reasoning: "", text: held };
  }

  #gap(character: string): string {
    if (space.test(character)) return "";
    this.#state = "after";
    return character;
  }

  #before(character: string): string {
    this.#held += character;
    const { open } = this.#marks;
    const begun = this.#held.trimStart();
    if (begun === open) {
      this.#state = "inside";
      this.#held = "";
    }
    if (open.startsWith(begun)) return "";
    this.#state = "after";
    const text = this.#held;
    this.#held = "";
    return text;
  }

  #inside(character: string): string {
    this.#held += character;
    const { open, close } = this.#marks;
    // Some models open what their prompt has opened already.
    if (this.#isFresh && this.#held.trimStart() === open) {
      this.#held = "";
      return "";
    }
    if (this.#held.endsWith(close)) {
      const text = this.#held.slice(0, -close.length).trimEnd();
      this.#state = "gap";
      this.#held = "";
      return this.#isFresh ? text.trimStart() : text;
    }
    return this.#release(this.#isFresh ? open : close);
  }

  /** Tells what can be neither white space at an end nor part of a mark. */
  #release(alsoHeld: string): string {
    const { close } = this.#marks;
    const trimmed = this.#isFresh ? this.#held.trimStart() : this.#held;
    if (this.#isFresh && (trimmed === "" || alsoHeld.startsWith(trimmed) || close.startsWith(trimmed))) return "";
    let keep = Math.min(close.length - 1, trimmed.length);
    while (keep > 0 && !close.startsWith(trimmed.slice(trimmed.length - keep))) keep--;
    const text = trimmed.slice(0, trimmed.length - keep).trimEnd();
    if (text !== "") this.#isFresh = false;
    this.#held = trimmed.slice(text.length);
    return text;
  }
}
