import type { OutputPiece } from "../output.ts";
import type { CallReader } from "./call-reader.ts";
import { Calls, type CallRules } from "./call-sink.ts";
import { Gemma4Call } from "./gemma4-calls.ts";
import { JsonCalls } from "./json-calls.ts";
import { NamedCall } from "./named-calls.ts";
import type { CallForm } from "./styles.ts";
import { XmlCall } from "./xml-calls.ts";

const space = /\s/;

/** Tells calls and text apart, character by character: however a text is cut, the same comes of it. What is no call, though it looks like one, is text. White space before a call is its own, and so is white space after it where no other text stands. */
export class CallParser {
  readonly #form: CallForm;
  readonly #openers: readonly string[];
  readonly #pieces: OutputPiece[] = [];
  readonly calls: Calls;
  #reader: CallReader | "begun" | undefined;
  /** All that may still become text: since an opener, or of one. */
  #held = "";
  #space = "";
  /** Whether nothing but white space came so far, or since a call. */
  #isAtStart = true;
  #hasText = false;

  constructor(rules: CallRules) {
    this.#form = rules.style.calls;
    this.#openers = this.#form.reader === "xml" ? [...this.#form.openers, "<function="] : this.#form.openers;
    this.calls = new Calls(rules, this.#pieces);
  }

  /** Takes the next characters; `take` has what came of them. */
  push(text: string): void {
    for (const character of text) this.#next(character);
  }

  /** What may be told now. */
  take(): OutputPiece[] {
    this.calls.flush();
    return this.#pieces.splice(0);
  }

  /** The end of the text. A call that is told already stays as it is; else what is held is text. */
  end(): OutputPiece[] {
    while (this.#held !== "") {
      if (this.#reader === undefined) this.#settle();
      else this.#giveBack();
    }
    this.calls.abandon();
    if (this.calls.finished === 0 || !this.#isAtStart) this.#write(this.#space);
    this.#space = "";
    return this.take();
  }

  #next(character: string): void {
    if (this.#reader === undefined) return this.#look(character);
    if (this.#reader === "begun") {
      if (space.test(character)) return void (this.#held += character);
      this.#reader = this.#readerOf(character);
    }
    const { finished } = this.calls;
    const result = this.#reader?.push(character) ?? "bad";
    const hasFinished = this.calls.finished > finished;
    if (hasFinished) this.#called();
    if (result === "bad") {
      this.#giveBack();
      this.#look(character);
    } else if (result === "end") {
      this.#held = "";
      this.#reader = undefined;
    } else if (!hasFinished) this.#held += character;
  }

  /** A call is complete: what belongs to it can no longer be text. */
  #called(): void {
    this.#held = "";
    this.#space = "";
    this.#isAtStart = true;
  }

  #giveBack(): void {
    const isTold = this.calls.abandon();
    const text = this.#held;
    this.#reader = undefined;
    this.#held = "";
    if (isTold) this.#space = "";
    else for (const character of text) this.#text(character);
  }

  #readerOf(character: string): CallReader | undefined {
    const { reader, header } = this.#form;
    if (reader === "xml" && character === "<") return new XmlCall(this.calls);
    if (reader === "gemma4") return new Gemma4Call(this.calls);
    if (character === "{" || character === "[") return new JsonCalls(this.calls);
    return header === undefined ? undefined : new NamedCall(this.calls, header);
  }

  #look(character: string): void {
    this.#held += character;
    if (this.#isBareCall()) {
      this.#reader = new JsonCalls(this.calls);
      this.#held = "";
      return this.#next(character);
    }
    if (this.#openers.includes(this.#held)) {
      this.#reader = this.#form.reader === "xml" && this.#held === "<function=" ? new XmlCall(this.calls, this.#held) : "begun";
      return;
    }
    const marks = this.#hasCalled() ? [...this.#openers, ...this.#form.closers] : this.#openers;
    if (!marks.some((mark) => mark.startsWith(this.#held) && mark !== this.#held) && !this.#isLastCloser()) this.#settle();
  }

  #hasCalled(): boolean {
    return this.#isAtStart && this.calls.finished > 0;
  }

  #isBareCall(): boolean {
    return this.#form.isBare && this.#isAtStart && (this.#held === "{" || this.#held === "[");
  }

  #isLastCloser(): boolean {
    if (!this.#hasCalled() || !this.#form.closers.includes(this.#held)) return false;
    this.#held = "";
    this.#space = "";
    return true;
  }

  /** No mark begins with what is held: a closer goes away, else its first character is text; the rest is looked at again. */
  #settle(): void {
    const held = this.#held;
    if (held === "") return;
    this.#held = "";
    const closer = this.#hasCalled() ? this.#form.closers.find((text) => held.startsWith(text)) : undefined;
    const [first = ""] = held;
    if (closer === undefined) this.#text(first);
    else this.#space = "";
    for (const character of held.slice(closer?.length ?? first.length)) this.#next(character);
  }

  #text(character: string): void {
    if (space.test(character)) {
      this.#space += character;
      return;
    }
    this.#write((this.#hasCalled() && !this.#hasText ? "" : this.#space) + character);
    this.#space = "";
    this.#isAtStart = false;
    this.#hasText = true;
  }

  #write(text: string): void {
    if (text === "") return;
    const last = this.#pieces.at(-1);
    if (last?.type !== "text") this.#pieces.push({ type: "text", text });
    else this.#pieces[this.#pieces.length - 1] = { type: "text", text: last.text + text };
  }
}
