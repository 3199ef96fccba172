import type { Read } from "./answer-reader.ts";
import type { Choice, ChoicePlan } from "./choice.ts";
import { contentEvents } from "./held-logprobs.ts";
import type { OutputPlan } from "./output.ts";
import type { Prompt } from "./prompt.ts";
import { errorToEngine, type EngineEvent, type EngineRequest } from "./protocol.ts";

/** What a job is made of. */
export interface JobOptions {
  readonly id: number;
  readonly request: EngineRequest;
  readonly prompt: Prompt;
  readonly output: OutputPlan;
  /** Text that each choice begins with; empty for none. */
  readonly echo: string;
  readonly tell: (event: EngineEvent) => void;
}

/** One request on its way through the engine: it tells what becomes of it, until it is over. */
export class Job {
  readonly id: number;
  readonly priority: EngineRequest["priority"];
  isPaused = false;
  readonly #options: JobOptions;
  readonly #queuedMs = performance.now();
  #admittedMs = this.#queuedMs;
  #generatingMs: number | undefined;
  #begun = 0;
  #ended = 0;
  #completionTokens = 0;
  #reasoningTokens = 0;
  #position = 0;
  #isOver = false;

  constructor(options: JobOptions) {
    this.#options = options;
    this.id = options.id;
    this.priority = options.request.priority;
  }

  /** Whether all its choices have begun. */
  get hasBegun(): boolean {
    return this.#begun === this.#options.request.seeds.length;
  }

  /** Whether its first choice has begun. */
  get isAdmitted(): boolean {
    return this.#begun > 0;
  }

  /** Whether it has nothing more to say: completed, failed or cancelled. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next choice to begin. */
  begin(): ChoicePlan {
    const { request, prompt, output, echo, tell } = this.#options;
    const index = this.#begun++;
    if (index === 0) {
      this.#admittedMs = performance.now();
      tell({ type: "admitted", queueMs: this.#admittedMs - this.#queuedMs });
    }
    if (echo !== "") tell({ type: "text", choice: index, text: echo });
    return { request, prompt, output, index };
  }

  /** Its place in the queue is this now. */
  waitsAt(position: number): void {
    if (!this.#options.request.includeProgress || position === this.#position) return;
    this.#position = position;
    this.#options.tell({ type: "waiting", position });
  }

  /** A choice has read more of the prompt, or has drawn a token. */
  stepped(choice: Choice, { pieces, logprobs, end }: Read): void {
    const { request, tell } = this.#options;
    if (!choice.isGenerating || choice.completionTokens === 1) this.#read(choice);
    for (const event of contentEvents(choice.index, { pieces, logprobs })) tell(event);
    if (end === undefined) return;
    this.#completionTokens += choice.completionTokens;
    this.#reasoningTokens += choice.reasoningTokens;
    tell({ type: "finished", choice: choice.index, ...end });
    if (++this.#ended === request.seeds.length) this.#complete();
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.tell({ type: "failed", error: errorToEngine(error) });
  }

  /** Ends it without a word: nobody wants it any more. */
  cancel(): void {
    this.#isOver = true;
  }

  #read(choice: Choice): void {
    const { request, prompt, tell } = this.#options;
    if (choice.isGenerating) this.#generatingMs ??= performance.now();
    if (choice.index > 0 || !request.includeProgress) return;
    const tokensTotal = prompt.tokens.length;
    tell({ type: "reading", tokensDone: tokensTotal - choice.promptTokensLeft, tokensTotal });
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
        cachedTokens: 0,
        reasoningTokens: this.#reasoningTokens,
        queueMs: this.#admittedMs - this.#queuedMs,
        promptMs: generatingMs - this.#admittedMs,
        generationMs: endedMs - generatingMs,
      },
    });
  }
}
