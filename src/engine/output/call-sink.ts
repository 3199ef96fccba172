import { randomInt } from "node:crypto";
import type { OutputPiece } from "../output.ts";
import type { EngineTool } from "../protocol/prompt.ts";
import type { CallSink } from "./call-reader.ts";
import type { ChatStyle } from "./styles.ts";

/** What is known of a call while it is written. */
export interface OpenCall {
  readonly tool: EngineTool;
  /** Its arguments so far. */
  readonly arguments: string;
  /** What must follow them. */
  readonly closing: "" | "}";
}

/** What calls are held against. */
export interface CallRules {
  readonly style: ChatStyle;
  /** Functions that may be called. */
  readonly tools: readonly EngineTool[];
  /** Whether the arguments of a whole call are what its function takes. */
  readonly fits: (call: OpenCall) => boolean;
}

/** The calls of one answer. Pieces of a call are held back until it is `released` or complete, so that one that fails is text. */
export class Calls implements CallSink {
  readonly #rules: CallRules;
  readonly #pieces: OutputPiece[];
  #open: (OpenCall & { arguments: string; first: OutputPiece | undefined; untold: string; isReleased: boolean }) | undefined;
  #finished = 0;

  /** Pieces are added to `pieces`. */
  constructor(rules: CallRules, pieces: OutputPiece[]) {
    this.#rules = rules;
    this.#pieces = pieces;
  }

  /** Complete calls so far. */
  get finished(): number {
    return this.#finished;
  }

  /** The call that is being written, once its arguments have begun. */
  get open(): OpenCall | undefined {
    return this.#open;
  }

  /** Whether the open call is told as it is written. */
  get isReleased(): boolean {
    return this.#open?.isReleased ?? false;
  }

  tool(name: string): EngineTool | undefined {
    return this.#rules.tools.find((tool) => tool.name === name);
  }

  begin(name: string, closing: "" | "}"): void {
    const tool = this.tool(name);
    if (tool === undefined) throw new Error("only functions that are known are called");
    const id = callId(this.#rules.style);
    // The first piece has the name alone, as clients expect it.
    const first = { type: "tool-call", index: this.#finished, id, name, arguments: "" } as const;
    this.#open = { tool, arguments: "", closing, first, untold: "", isReleased: false };
  }

  add(text: string): void {
    if (this.#open === undefined) return;
    this.#open.arguments += text;
    this.#open.untold += text;
  }

  finish(): boolean {
    const open = this.#open;
    const isCall = open !== undefined && (open.isReleased || this.#rules.fits(open));
    if (isCall) this.#tell();
    this.#open = undefined;
    if (isCall) this.#finished++;
    return isCall;
  }

  /** Tells the open call as it is written from now on. */
  release(): void {
    if (this.#open !== undefined) this.#open.isReleased = true;
  }

  /** Gives up the open call; answers whether anything of it was told. */
  abandon(): boolean {
    const isTold = this.isReleased;
    this.flush();
    if (isTold) this.#finished++;
    this.#open = undefined;
    return isTold;
  }

  /** Moves what may be told of the open call to the pieces. */
  flush(): void {
    if (this.isReleased) this.#tell();
  }

  #tell(): void {
    const open = this.#open;
    if (open === undefined) return;
    if (open.first !== undefined) this.#pieces.push(open.first);
    if (open.untold !== "") this.#pieces.push({ type: "tool-call", index: this.#finished, arguments: open.untold });
    open.first = undefined;
    open.untold = "";
  }
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** An id as OpenAI's clients know them; or nine letters and digits, where the template takes no other back. */
function callId({ callIds }: ChatStyle): string {
  const random = (length: number) => Array.from({ length }, () => letters[randomInt(letters.length)]).join("");
  return callIds === "nine" ? random(9) : `call_${random(24)}`;
}
