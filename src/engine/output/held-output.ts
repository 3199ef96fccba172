import { choice, isNothing, nothing, repeat, sequence, set, text as literal, type Expression } from "../grammar/expression.ts";
import type { Output, OutputPiece } from "../output.ts";
import type { AnswerText } from "./answer-text.ts";
import { gbnfOf, ruleTable, type Grammar } from "./call-grammar.ts";
import type { OpenCall } from "./call-sink.ts";
import { restAfter } from "./grammar-rest.ts";
import type { ThinkingMarks } from "./styles.ts";

/** What an answer is held to, and when. */
export interface Hold {
  /** All that is visible matches this. */
  readonly whole?: Grammar;
  /** What thinking begins with, where the model may begin it. */
  readonly thinking?: ThinkingMarks;
  /** What stands between the end of thinking and what is visible. */
  readonly afterThinking: Expression;
  /** Arguments of a call, from the moment it is one; absent: calls are told when they are complete. */
  readonly argumentsOf?: (call: OpenCall) => Grammar;
  /** Whether calls are told as they are written, since `whole` guarantees them. */
  readonly tellsCalls: boolean;
  /** Whether nothing but calls is written: what is cut off before it is one is no text. */
  readonly isOnlyCalls?: boolean;
  /** So many calls complete an answer. */
  readonly mostCalls: number;
}

/** Line breaks that models write after their thinking. */
export const breaks: Expression = repeat(set([0x0a, 0x0a], [0x20, 0x20]), 0, 2);
const anything: Expression = repeat(set([0x01, 0x10ffff]), 0, Infinity);

/** An answer that is taken apart, and held to grammars while it is written. */
export class HeldOutput implements Output {
  readonly #text: AnswerText;
  readonly #hold: Hold;
  #grammar: string | undefined;
  #call: OpenCall | undefined;

  constructor(answer: AnswerText, hold: Hold) {
    this.#text = answer;
    this.#hold = hold;
    this.#grammar = answer.isReasoning ? undefined : firstGrammar(hold);
  }

  get grammar(): string | undefined {
    return this.#grammar;
  }

  get isReasoning(): boolean {
    return this.#text.isReasoning;
  }

  get hasCalls(): boolean {
    return this.#calls > 0;
  }

  get isComplete(): boolean {
    return this.#calls >= this.#hold.mostCalls;
  }

  get #calls(): number {
    return this.#text.calls?.finished ?? 0;
  }

  push(text: string): readonly OutputPiece[] {
    const { thoughts } = this.#text;
    let rest: string | undefined;
    this.#text.push(text, (visible) => {
      rest = afterThinking(this.#hold, visible);
      return this.#hold.whole === undefined || rest !== undefined;
    });
    if (this.#hold.whole !== undefined) {
      if (this.#text.isReasoning) this.#grammar = undefined;
      else if (this.#text.thoughts > thoughts) this.#grammar = rest ?? afterThinking(this.#hold, "");
    }
    this.#holdCall();
    return this.#text.take();
  }

  end(): readonly OutputPiece[] {
    const pieces = this.#text.end();
    return this.#hold.isOnlyCalls === true ? pieces.filter(({ type }) => type !== "text") : pieces;
  }

  /** From the moment that a call is one, its arguments cannot fail any more, and are told as they come. */
  #holdCall(): void {
    const calls = this.#text.calls;
    const open = calls?.open;
    const hasBegun = open !== this.#call;
    this.#call = open;
    if (calls === undefined || !hasBegun) return;
    if (this.#hold.whole !== undefined) {
      if (this.#hold.tellsCalls) calls.release();
      return;
    }
    this.#grammar = undefined;
    if (open === undefined || this.#hold.argumentsOf === undefined) return;
    const grammar = this.#hold.argumentsOf(open);
    const rest = restAfter(grammar.expression, open.arguments, ruleTable(grammar));
    // What is written already does not fit, or is complete: the end of the call decides.
    if (rest === undefined || isNothing(rest)) return;
    this.#grammar = gbnfOf({ ...grammar, expression: sequence(rest, closing(open)) });
    calls.release();
  }
}

function closing(call: OpenCall): Expression {
  return call.closing === "" ? nothing : sequence(breaks, literal(call.closing));
}

/** What holds from the first token on: thinking may come first. */
function firstGrammar({ whole, thinking }: Hold): string | undefined {
  if (whole === undefined) return undefined;
  if (thinking === undefined) return gbnfOf(whole);
  return gbnfOf({ ...whole, expression: choice(sequence(literal(thinking.open), anything), whole.expression) });
}

/** What holds after thinking, of which the last token has brought some visible text already; undefined when that does not fit. */
function afterThinking({ whole, afterThinking: between }: Hold, visible: string): string | undefined {
  if (whole === undefined) return undefined;
  if (visible === "") return gbnfOf({ ...whole, expression: sequence(between, whole.expression) });
  const rest = restAfter(whole.expression, visible, ruleTable(whole));
  return rest === undefined ? undefined : gbnfOf({ ...whole, expression: rest });
}
