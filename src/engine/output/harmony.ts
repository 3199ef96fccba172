import type { OutputPiece } from "../output.ts";
import type { AnswerText } from "./answer-text.ts";
import { Calls, type CallRules } from "./call-sink.ts";
import { JsonScanner } from "./json-scanner.ts";

const message = "<|message|>";
const begins = ["<|channel|>", "<|start|>assistant", " to=", "to="];
const ends = ["<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"];
/** No header is longer. */
const mostHeader = 256;
const space = /\s/;

/** Takes apart an answer of gpt-oss: messages with a header each, which names the channel and perhaps the function that is called. */
export class HarmonyText implements AnswerText {
  readonly calls: Calls;
  readonly #pieces: OutputPiece[] = [];
  #state: "header" | "analysis" | "final" | "call" | "called" = "header";
  #held = "";
  #scanner = new JsonScanner();
  #thoughts = 0;

  constructor(rules: CallRules) {
    this.calls = new Calls(rules, this.#pieces);
  }

  get isReasoning(): boolean {
    return this.#state === "analysis";
  }

  get thoughts(): number {
    return this.#thoughts;
  }

  push(text: string): void {
    for (const character of text) {
      this.#held += character;
      if (this.#state === "header") this.#header();
      else if (this.#state === "call") this.#call(character);
      else this.#body();
    }
  }

  take(): OutputPiece[] {
    this.calls.flush();
    return this.#pieces.splice(0);
  }

  end(): OutputPiece[] {
    const isMark = this.#state === "header" && begins.some((begin) => this.#held.startsWith(begin));
    if (!this.calls.abandon() && !isMark) this.#tell(this.#held);
    this.#held = "";
    return this.take();
  }

  #header(): void {
    const held = this.#held;
    if (held.endsWith(message)) return this.#begin(held.slice(0, -message.length));
    if (held.length <= mostHeader && begins.some((begin) => begin.startsWith(held) || held.startsWith(begin))) return;
    // The model has left its format: what it writes is text.
    this.#state = "final";
    this.#tell(held);
    this.#held = "";
  }

  #begin(header: string): void {
    const recipient = /to=(\S+?)(?=<\||\s|$)/.exec(header)?.[1];
    const name = recipient?.startsWith("functions.") === true ? recipient.slice("functions.".length) : undefined;
    this.#held = "";
    if (name !== undefined && this.calls.tool(name) !== undefined) {
      this.calls.begin(name, "");
      this.#scanner = new JsonScanner();
      this.#state = "call";
    } else {
      this.#state = recipient === undefined && /<\|channel\|>\s*analysis/.test(header) ? "analysis" : "final";
    }
  }

  #call(character: string): void {
    const isBefore = this.#scanner.depth === 0;
    if (isBefore && space.test(character)) return;
    const scanned = isBefore && character !== "{" ? "bad" : this.#scanner.push(character);
    if (scanned !== "bad") this.calls.add(character);
    if (scanned === "more") return;
    if (scanned === "end" && this.calls.finish()) {
      this.#state = "called";
      this.#held = "";
      return;
    }
    if (this.calls.abandon()) this.#held = character;
    this.#state = "final";
    this.#body();
  }

  /** Tells all that cannot be part of a mark. */
  #body(): void {
    const held = this.#held;
    const end = ends.find((mark) => held.includes(mark));
    if (end !== undefined) {
      const at = held.indexOf(end);
      this.#tell(held.slice(0, at));
      if (this.#state === "analysis") this.#thoughts++;
      this.#state = "header";
      this.#held = end === "<|start|>" || end === "<|channel|>" ? held.slice(at) : "";
      return;
    }
    let keep = Math.min(held.length, Math.max(...ends.map(({ length }) => length)) - 1);
    while (keep > 0 && !ends.some((mark) => mark.startsWith(held.slice(held.length - keep)))) keep--;
    this.#tell(held.slice(0, held.length - keep));
    this.#held = held.slice(held.length - keep);
  }

  #tell(text: string): void {
    // After a call stands nothing but white space and the mark of its end.
    if (text === "" || (this.#state === "called" && text.trim() === "")) return;
    this.#pieces.push({ type: this.#state === "analysis" ? "reasoning" : "text", text });
  }
}
