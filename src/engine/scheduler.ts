import type { LlamaContextSequence } from "node-llama-cpp";
import { limitFault } from "../core/limits.ts";
import { fault } from "../core/reasons.ts";
import { choiceOn, type Choice } from "./choice.ts";
import { fairQueue } from "./fair-queue.ts";
import { Job } from "./job.ts";
import type { LoadedModel } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import { promptText, type Prompt } from "./prompt.ts";
import { errorToEngine, type EngineLoad, type EnginePrompt, type EngineRequest } from "./protocol.ts";
import { checkBias } from "./sampling.ts";
import { waitEstimate } from "./wait-estimate.ts";

/** The place of one sequence. Places are taken lowest id first, so that the ids in a batch have no holes. */
interface Slot {
  readonly sequence: LlamaContextSequence;
  taken: { readonly job: Job; readonly choice: Choice; isEnded: boolean } | undefined;
}

/** Part of one choice in a tick. */
interface Turn {
  readonly taken: NonNullable<Slot["taken"]>;
  /** How much of its prompt it may read. */
  readonly promptTokens: number;
}

type Limits = Pick<EngineLoad, "queueLength" | "queueMs" | "prefillChunkTokens">;

/** Runs all requests of a model in lock-step: each tick evaluates one token of every sequence that generates and one chunk of prompt, and awaits them together. Batches are then full and in order. */
export class Scheduler {
  readonly #loaded: LoadedModel;
  readonly #out: Outbox;
  readonly #limits: Limits;
  readonly #slots: readonly Slot[];
  readonly #queue = fairQueue<Job>();
  readonly #jobs = new Map<number, Job>();
  readonly #queueTimers = new Map<Job, NodeJS.Timeout>();
  readonly #estimate;
  readonly #ended: Promise<void>;
  #wake = () => {};
  #isClosed = false;

  constructor(loaded: LoadedModel, out: Outbox, limits: Limits) {
    this.#loaded = loaded;
    this.#out = out;
    this.#limits = limits;
    this.#slots = loaded.sequences.map((sequence) => ({ sequence, taken: undefined }));
    this.#estimate = waitEstimate(this.#slots.length);
    this.#ended = this.#run();
  }

  /** Takes a request; whatever becomes of it goes to the outbox. */
  submit(id: number, request: EngineRequest): void {
    try {
      this.#refuseWhenFull();
      checkBias(request.sampling, this.#loaded.model, this.#loaded.vocabularySize);
      const prompt = fitting(this.#loaded, request.prompt);
      const echo = request.echo ? promptText(this.#loaded.model, request.prompt) : "";
      this.#enqueue(new Job({ id, request, prompt, echo, tell: (event) => this.#out.add(id, event) }));
    } catch (error) {
      this.#out.add(id, { type: "failed", error: errorToEngine(error) });
      this.#flush();
    }
  }

  /** Nobody wants the request any more: its sequences are free after the tick that runs. */
  cancel(id: number): void {
    const job = this.#jobs.get(id);
    job?.cancel();
    if (job !== undefined) this.#drop(job);
  }

  /** Takes a request out of the batch, or back into it. */
  pause(id: number, isPaused: boolean): void {
    const job = this.#jobs.get(id);
    if (job !== undefined) job.isPaused = isPaused;
    this.#wake();
  }

  /** Tokens of a prompt. Throws what would become of a request with it. */
  count(prompt: EnginePrompt): number {
    return fitting(this.#loaded, prompt).tokens.length;
  }

  /** Ends the loop after the tick that runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#queueTimers.values()) clearTimeout(timer);
    this.#wake();
    await this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      await this.#release();
      this.#admit();
      this.#flush();
      const turns = takeTurns(this.#slots, this.#limits.prefillChunkTokens);
      if (turns.length > 0) await this.#tick(turns);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Frees the sequences of choices that have ended or are not wanted any more. */
  async #release(): Promise<void> {
    for (const slot of this.#slots) {
      if (slot.taken === undefined || !(slot.taken.isEnded || slot.taken.job.isOver)) continue;
      const { job, choice } = slot.taken;
      await choice.close();
      slot.taken = undefined;
      this.#estimate.served();
      if (job.isOver) this.#drop(job);
    }
  }

  #admit(): void {
    for (const slot of this.#slots) {
      if (slot.taken !== undefined) continue;
      const job = this.#queue.shift();
      if (job === undefined) break;
      this.#stopWaiting(job);
      slot.taken = { job, choice: choiceOn(slot.sequence, this.#loaded, job.begin()), isEnded: false };
      // Its other choices wait behind everybody else's.
      if (!job.hasBegun) this.#queue.push(job);
    }
    for (const [index, job] of this.#waiting().entries()) job.waitsAt(index + 1);
  }

  async #tick(turns: readonly Turn[]): Promise<void> {
    const generating = turns.filter(({ taken }) => taken.choice.isGenerating).length;
    this.#loaded.batches.expect(
      turns.map(({ taken, promptTokens }) => taken.choice.upcoming(promptTokens)),
      generating,
    );
    await Promise.all(turns.map(step));
  }

  #refuseWhenFull(): void {
    const depth = this.#waiting().length;
    const free = this.#slots.filter(({ taken }) => taken === undefined).length;
    if (depth + 1 - free <= this.#limits.queueLength) return;
    const retryAfterMs = this.#estimate.waitMs(depth);
    throw limitFault("engineQueue", `${depth} calls wait for this model already: try again later`, { retryAfterMs });
  }

  #enqueue(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#queue.push(job);
    const { queueMs } = this.#limits;
    const onTimeout = () => {
      const retryAfterMs = this.#estimate.waitMs(this.#waiting().length);
      job.fail(limitFault("engineQueueMs", `no sequence became free within ${queueMs} ms: try again later`, { retryAfterMs }));
      this.#drop(job);
      this.#flush();
    };
    this.#queueTimers.set(job, setTimeout(onTimeout, queueMs));
    this.#wake();
  }

  /** Calls of which no choice has begun. */
  #waiting(): readonly Job[] {
    return this.#queue.inOrder().filter(({ isAdmitted }) => !isAdmitted);
  }

  #stopWaiting(job: Job): void {
    clearTimeout(this.#queueTimers.get(job));
    this.#queueTimers.delete(job);
  }

  #drop(job: Job): void {
    this.#stopWaiting(job);
    this.#queue.remove(job);
    this.#jobs.delete(job.id);
    this.#wake();
  }

  #flush(): void {
    this.#out.flush(this.#loaded.batches.take(), this.#waiting().length);
  }
}

/** Evaluates one turn. It begins before it returns its promise, so that turns arrive in order; an error is its job's alone. */
async function step({ taken, promptTokens }: Turn): Promise<void> {
  try {
    const result = await taken.choice.step(promptTokens);
    if (taken.job.isOver) return;
    taken.isEnded = result.end !== undefined;
    taken.job.stepped(taken.choice, result);
  } catch (error) {
    taken.job.fail(error);
  }
}

/** Everybody who generates, and who reads a prompt as far as the tick's chunk goes; in the order of sequence ids. */
function takeTurns(slots: readonly Slot[], chunk: number): Turn[] {
  const turns: Turn[] = [];
  let left = chunk;
  for (const { taken } of slots) {
    if (taken === undefined || taken.job.isPaused) continue;
    const promptTokens = taken.choice.isGenerating ? 0 : Math.min(left, taken.choice.promptTokensLeft);
    if (!taken.choice.isGenerating && promptTokens === 0) continue;
    left -= promptTokens;
    turns.push({ taken, promptTokens });
  }
  return turns;
}

/** A prompt that leaves room for at least one token. */
function fitting({ makePrompt, contextLength }: LoadedModel, asked: EnginePrompt): Prompt {
  const prompt = makePrompt(asked);
  const promptTokens = prompt.tokens.length;
  if (promptTokens < contextLength) return prompt;
  throw fault(
    "context_length_exceeded",
    `the prompt has ${promptTokens} tokens, and the model's context has room for ${contextLength} with at least one of the answer: shorten it`,
    { metadata: { prompt_tokens: String(promptTokens), context_length: String(contextLength) } },
  );
}
