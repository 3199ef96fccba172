import type { Read } from "../answering/answer-reader.ts";
import { choiceOn, type Choice, type ChoicePlace } from "../answering/choice.ts";
import { contentEvents } from "../answering/held-logprobs.ts";
import type { OutputPlan } from "../output.ts";
import type { Prompt } from "../prompt.ts";
import { errorToEngine } from "../protocol/errors.ts";
import type { EngineEvent } from "../protocol/events.ts";
import type { EngineRequest } from "../protocol/request.ts";

/** Something that reads a prompt on one or several sequences, on its way through the engine until it is over. */
export interface Job {
  readonly id: number;
  readonly priority: EngineRequest["priority"];
  readonly tenant: string;
  readonly prompt: Prompt;
  /** Of its prompt, so many tokens may come from elsewhere. */
  readonly mostCached: number;
  /** Whether it wants what it has read to be kept beyond its end. */
  readonly keepsPrompt: boolean;
  isPaused: boolean;
  /** Whether all its choices have begun. */
  readonly hasBegun: boolean;
  /** Whether its first choice has begun. */
  readonly isAdmitted: boolean;
  /** Whether it has nothing more to say: completed, failed or cancelled. */
  readonly isOver: boolean;
  /** The next choice to begin: it is made once its place is settled. */
  begin(): (place: ChoicePlace) => Choice;
  /** Its place in the queue is this now. */
  waitsAt(position: number): void;
  /** A choice is made. */
  started(choice: Choice): void;
  /** A choice has read more of the prompt, or has drawn a token. */
  stepped(choice: Choice, read: Read): void;
  /** A choice that draws nothing has read the prompt. */
  hasRead(): void;
  /** Ends it with an error. */
  fail(error: unknown): void;
  /** Ends it without a word: nobody wants it any more. */
  cancel(): void;
}

/** What an answering job is made of. */
export interface JobOptions {
  readonly id: number;
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly output: OutputPlan;
  /** Text that each choice begins with; empty for none. */
  readonly echo: string;
  readonly tell: (event: EngineEvent) => void;
}

/** One request: it tells what becomes of it. */
export class AnswerJob implements Job {
  readonly id: number;
  readonly priority: EngineRequest["priority"];
  readonly tenant: string;
  readonly prompt: Prompt;
  readonly mostCached: number;
  readonly keepsPrompt = false;
  isPaused = false;
  readonly #options: JobOptions;
  readonly #queuedMs = performance.now();
  #admittedMs = this.#queuedMs;
  #generatingMs: number | undefined;
  #toldRead = 0;
  #begun = 0;
  #ended = 0;
  #completionTokens = 0;
  #reasoningTokens = 0;
  #cachedTokens = 0;
  #position = 0;
  #isOver = false;

  constructor(options: JobOptions) {
    this.#options = options;
    this.id = options.id;
    this.priority = options.request.priority;
    this.tenant = options.request.tenant;
    this.prompt = options.prompt;
    // The last token must be evaluated for what comes after it.
    this.mostCached = options.prompt.tokens.length - 1;
  }

  get hasBegun(): boolean {
    return this.#begun === this.#options.request.seeds.length;
  }

  get isAdmitted(): boolean {
    return this.#begun > 0;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  begin(): (place: ChoicePlace) => Choice {
    const { request, prompt, output, echo, tell } = this.#options;
    const index = this.#begun++;
    if (index === 0) {
      this.#admittedMs = performance.now();
      tell({ type: "admitted", queueMs: this.#admittedMs - this.#queuedMs, promptTokens: prompt.tokens.length });
    }
    if (echo !== "") tell({ type: "text", choice: index, text: echo });
    return (place) => choiceOn(place, { request, prompt, output, index });
  }

  waitsAt(position: number): void {
    if (!this.#options.request.includeProgress || position === this.#position) return;
    this.#position = position;
    this.#options.tell({ type: "waiting", position });
  }

  /** The prompt is billed once: its other choices start from what the first has read. */
  started(choice: Choice): void {
    if (choice.index > 0) return;
    this.#cachedTokens = choice.cachedTokens;
    this.#options.tell({ type: "begun", cachedTokens: choice.cachedTokens });
    if (choice.cachedTokens > 0) this.#read(choice);
  }

  stepped(choice: Choice, { pieces, logprobs, end }: Read): void {
    const { request, tell } = this.#options;
    if (!choice.isGenerating || choice.completionTokens <= 1) this.#read(choice);
    for (const event of contentEvents(choice.index, { pieces, logprobs })) tell(event);
    if (end === undefined) return;
    this.#completionTokens += choice.completionTokens;
    this.#reasoningTokens += choice.reasoningTokens;
    tell({ type: "finished", choice: choice.index, ...end });
    if (++this.#ended === request.seeds.length) this.#complete();
  }

  hasRead(): void {}

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.tell({ type: "failed", error: errorToEngine(error) });
  }

  cancel(): void {
    this.#isOver = true;
  }

  #read(choice: Choice): void {
    const { request, prompt, tell } = this.#options;
    if (choice.isGenerating) this.#generatingMs ??= performance.now();
    // Until it is read, only the first choice reads it; then any may be the first to draw.
    if (!request.includeProgress || (choice.index > 0 && !choice.isGenerating)) return;
    const tokensTotal = prompt.tokens.length;
    const tokensDone = tokensTotal - choice.promptTokensLeft;
    // Some turns after it was read may draw nothing.
    if (tokensDone === this.#toldRead) return;
    this.#toldRead = tokensDone;
    tell({ type: "reading", tokensDone, tokensTotal });
  }

  #complete(): void {
    this.#isOver = true;
    const endedMs = performance.now();
    const generatingMs = this.#generatingMs ?? endedMs;
    this.#options.tell({
      type: "completed",
      stats: {
        promptTokens: this.#options.prompt.tokens.length,
        completionTokens: this.#completionTokens,
        cachedTokens: this.#cachedTokens,
        reasoningTokens: this.#reasoningTokens,
        queueMs: this.#admittedMs - this.#queuedMs,
        promptMs: generatingMs - this.#admittedMs,
        generationMs: endedMs - generatingMs,
      },
    });
  }
}
