import type { LlamaModel, Token } from "node-llama-cpp";
import type { Drawn } from "../drawing.ts";
import { isHidden } from "../drawing/special-tokens.ts";
import { heldLogprobs } from "./held-logprobs.ts";
import type { LoadedModel } from "../model.ts";
import type { Output, OutputPiece, OutputPlan } from "../output.ts";
import type { Prompt } from "../prompt.ts";
import type { EngineLogprob } from "../protocol/events.ts";
import type { EngineRequest } from "../protocol/request.ts";
import { stopDetector, type StopDetector } from "./stops.ts";
import { tokenText, type TokenText } from "../tokens/token-text.ts";

/** What one token brought. */
export interface Read {
  readonly pieces: readonly OutputPiece[];
  /** Of the tokens that `pieces` are made of, and of those without text. */
  readonly logprobs: readonly EngineLogprob[];
  /** Tokens that come next instead of drawn ones. */
  readonly force?: readonly Token[];
  /** Present with the last. */
  readonly end?: AnswerEnd;
}

/** Why an answer ended. */
export interface AnswerEnd {
  readonly reason: "stop" | "length" | "tool-calls";
  readonly rawReason: "end_token" | "stop_text" | "max_tokens" | "context_end" | "complete";
  readonly stop?: string;
}

/** Turns the drawn tokens of one choice into pieces of an answer, and finds its end. */
export interface AnswerReader {
  /** Tokens so far, the end token included. */
  readonly tokens: number;
  /** Of these, tokens of thinking. */
  readonly reasoningTokens: number;
  /** GBNF that the next token must match; undefined: none. Compared by identity. */
  readonly grammar: string | undefined;
  /** Tokens that come before any that is drawn. */
  readonly begin: readonly Token[];
  next(drawn: Drawn): Read;
}

/** What an answer is read by. */
export interface ReaderPlan {
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly output: OutputPlan;
}

/** A reader for one choice. */
export function answerReader(loaded: LoadedModel, plan: ReaderPlan): AnswerReader {
  return new TokenReader(loaded, plan);
}

/** From tokens to text, from text to pieces, and from pieces to what the caller's stop texts leave of them: those look at visible text alone. */
class TokenReader implements AnswerReader {
  readonly begin: readonly Token[];
  readonly #model: LlamaModel;
  readonly #plan: ReaderPlan;
  readonly #characters: TokenText;
  readonly #templateEnds: StopDetector;
  readonly #stops: StopDetector;
  readonly #logprobs = heldLogprobs();
  readonly #output: Output;
  readonly #most: number;
  #tokens = 0;
  #reasoningTokens = 0;
  /** Forced tokens that are still to come. */
  #forced = 0;
  /** Characters: drawn, given to the output, come from it as text, and told. */
  readonly #count = { drawn: 0, read: 0, visible: 0, told: 0 };

  constructor({ model, contextLength }: LoadedModel, plan: ReaderPlan) {
    const { request, prompt, output } = plan;
    this.#model = model;
    this.#plan = plan;
    this.#characters = tokenText(
      (tokens, before) => model.detokenize(tokens as Token[], false, before as Token[]),
      prompt.tokens.slice(-3),
    );
    this.#templateEnds = stopDetector(request.ignoreEos ? [] : prompt.endTexts);
    this.#stops = stopDetector(request.stop);
    this.#output = output.begin();
    const left = contextLength - prompt.tokens.length;
    this.#most = Math.min(request.maxTokens ?? left, left);
    this.begin = this.#endOfThinking();
  }

  get tokens(): number {
    return this.#tokens;
  }

  get reasoningTokens(): number {
    return this.#reasoningTokens;
  }

  get grammar(): string | undefined {
    return this.#output.grammar;
  }

  next({ token, logprob }: Drawn): Read {
    const { request, prompt } = this.#plan;
    this.#tokens++;
    this.#countThinking();
    if (isEnd(this.#model, prompt, token))
      return this.#afterAll() ?? this.#last(this.#templateEnds.flush(), { reason: "stop", rawReason: "end_token" });
    const text = this.#textOf(token);
    if (logprob !== undefined && !this.#output.isReasoning && !isHidden(this.#model, token)) {
      const { drawn, read, visible } = this.#count;
      this.#logprobs.add(logprob, visible + drawn - read);
    }
    this.#count.drawn += text.length;
    // Until it may end, no text ends it.
    const mayEnd = this.#tokens >= request.minTokens;
    const before = mayEnd ? this.#templateEnds.push(text) : { text };
    if (before.stop !== undefined) return this.#last(before.text, { reason: "stop", rawReason: "end_token" }, true);
    if (this.#tokens >= this.#most) return this.#last(before.text + this.#templateEnds.flush(), this.#limit());
    return this.#told(this.#read(before.text), mayEnd);
  }

  /** The text of a token; of special tokens only what the output wants to see. */
  #textOf(token: Token): string {
    const text = this.#characters.push(token);
    const { markers } = this.#plan.output;
    if (markers.size === 0 || !isHidden(this.#model, token)) return text;
    const marker = this.#model.detokenize([token], true);
    return markers.has(marker) ? text + marker : text;
  }

  #read(text: string): readonly OutputPiece[] {
    this.#count.read += text.length;
    return this.#output.push(text);
  }

  /** What is told of pieces that are not the last. */
  #told(pieces: readonly OutputPiece[], mayEnd: boolean): Read {
    const { told, stop } = mayEnd ? this.#visible(pieces) : { told: pieces, stop: undefined };
    const logprobs = this.#note(pieces, told);
    if (stop !== undefined) return { pieces: told, logprobs, end: { reason: this.#reason("stop"), rawReason: "stop_text", stop } };
    if (this.#output.isComplete) return this.#last("", { reason: "stop", rawReason: "complete" }, false, told);
    const force = this.#endOfThinking();
    return { pieces: told, logprobs, ...(force.length > 0 && { force }) };
  }

  // oxlint-disable-next-line max-params -- the last text, its end, whether a text cut it off, and what was told before it
  #last(text: string, end: AnswerEnd, isCut = false, before: readonly OutputPiece[] = []): Read {
    const pieces = [...this.#read(text), ...this.#output.end()];
    const { told, stop } = this.#visible(pieces);
    const held = stop === undefined ? this.#stops.flush() : "";
    const all = held === "" ? told : [...told, { type: "text", text: held } as const];
    const own = this.#note(pieces, all);
    const logprobs = isCut || stop !== undefined || this.#output.hasCalls ? own : [...own, ...this.#logprobs.rest()];
    const last: AnswerEnd = stop === undefined ? end : { reason: "stop", rawReason: "stop_text", stop };
    return { pieces: [...before, ...all], logprobs, end: { ...last, reason: this.#reason(last.reason) } };
  }

  /** Pieces as far as no stop text ends them. A stop text is found within text alone. */
  #visible(pieces: readonly OutputPiece[]): { readonly told: readonly OutputPiece[]; readonly stop?: string } {
    const told: OutputPiece[] = [];
    for (const piece of pieces) {
      const read = piece.type === "text" ? this.#stops.push(piece.text) : { text: this.#stops.flush() };
      if (read.text !== "") told.push({ type: "text", text: read.text });
      if ("stop" in read && read.stop !== undefined) return { told, stop: read.stop };
      if (piece.type !== "text") told.push(piece);
    }
    return { told };
  }

  /** Counts what comes, and answers with the logprobs of what is told. Tokens of which a call or thinking has come have none. */
  #note(pieces: readonly OutputPiece[], told: readonly OutputPiece[]): readonly EngineLogprob[] {
    this.#count.visible += lengthOf(pieces);
    this.#count.told += lengthOf(told);
    const logprobs = this.#logprobs.upTo(this.#count.told);
    const last = pieces.at(-1);
    if (last !== undefined && last.type !== "text") this.#logprobs.rest();
    return logprobs;
  }

  #reason(reason: AnswerEnd["reason"]): AnswerEnd["reason"] {
    return reason === "stop" && this.#output.hasCalls ? "tool-calls" : reason;
  }

  #limit(): AnswerEnd {
    return { reason: "length", rawReason: this.#most === this.#plan.request.maxTokens ? "max_tokens" : "context_end" };
  }

  #countThinking(): void {
    if (this.#forced > 0) this.#forced--;
    else if (this.#output.isReasoning) this.#reasoningTokens++;
  }

  /** Where a form is asked for, a model that ends while it thinks has ended its thinking alone; undefined: the answer is over. */
  #afterAll(): Read | undefined {
    if (!this.#plan.output.isForm || this.#tokens >= this.#most) return undefined;
    const force = this.#endOfThinking(true);
    return force.length === 0 ? undefined : { pieces: this.#read(this.#templateEnds.flush()), logprobs: [], force };
  }

  /** The tokens that end thinking, once its budget is used up. */
  #endOfThinking(isUsedUp = this.#reasoningTokens >= (this.#plan.request.reasoningBudget ?? Infinity)): readonly Token[] {
    const { output } = this.#plan;
    const isDue = this.#output.isReasoning && this.#forced === 0 && isUsedUp;
    if (!isDue || output.thinkingEnd === undefined) return [];
    const tokens = this.#model.tokenize(output.thinkingEnd, true);
    this.#forced = tokens.length;
    return tokens;
  }
}

function lengthOf(pieces: readonly OutputPiece[]): number {
  return pieces.reduce((sum, piece) => sum + (piece.type === "text" ? piece.text.length : 0), 0);
}

function isEnd(model: LlamaModel, { endTokens }: Prompt, token: Token): boolean {
  return model.isEogToken(token) || endTokens.has(token);
}
