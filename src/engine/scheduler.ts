import { limitFault } from "../core/limits.ts";
import { choiceOn, type Choice } from "./choice.ts";
import { checkDrawing } from "./drawing.ts";
import { fairQueue } from "./fair-queue.ts";
import { Job } from "./job.ts";
import type { LoadedModel } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import { planOutput } from "./output.ts";
import { fitting, promptText } from "./prompt.ts";
import { errorToEngine, type EngineLoad, type EngineRequest } from "./protocol.ts";
import { isFree, step, takeTurns, type Slot, type Turn } from "./slots.ts";
import { waitEstimate } from "./wait-estimate.ts";

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
  /** Resolves when the loop has ended after `close`; rejects when it cannot go on: the process is of no use then. */
  readonly ended: Promise<void>;
  #resume = () => {};
  /** Whether something has happened that the loop has not looked at. */
  #hasNews = false;
  #isClosed = false;

  constructor(loaded: LoadedModel, out: Outbox, limits: Limits) {
    this.#loaded = loaded;
    this.#out = out;
    this.#limits = limits;
    this.#slots = loaded.sequences.map((sequence) => ({ sequence, isBroken: false, taken: undefined }));
    this.#estimate = waitEstimate(this.#slots.length);
    this.ended = this.#run();
  }

  /** Takes a request; whatever becomes of it goes to the outbox. */
  submit(id: number, request: EngineRequest): void {
    try {
      this.#refuseWhenFull();
      const prompt = fitting(this.#loaded.makePrompt(request.prompt), this.#loaded.contextLength);
      const output = planOutput(request, prompt);
      checkDrawing(request, output, this.#loaded);
      const echo = request.echo ? promptText(this.#loaded.model, request.prompt) : "";
      this.#enqueue(new Job({ id, request, prompt, output, echo, tell: (event) => this.#out.add(id, event) }));
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

  /** Ends the loop after the tick that runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#queueTimers.values()) clearTimeout(timer);
    this.#wake();
    await this.ended;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#hasNews = false;
      await this.#release();
      this.#admit();
      this.#flush();
      const turns = takeTurns(this.#slots, this.#limits.prefillChunkTokens);
      if (turns.length > 0) await this.#tick(turns);
      else if (!this.#hasNews) await new Promise<void>((resolve) => (this.#resume = resolve));
    }
  }

  #wake(): void {
    this.#hasNews = true;
    this.#resume();
  }

  /** Frees the sequences of choices that have ended or are not wanted any more. */
  async #release(): Promise<void> {
    for (const slot of this.#slots) {
      if (slot.taken === undefined || !(slot.taken.isEnded || slot.taken.job.isOver)) continue;
      const { job } = slot.taken;
      await this.#clear(slot, slot.taken.choice);
      slot.taken = undefined;
      this.#estimate.served();
      if (job.isOver) this.#drop(job);
    }
    // A new process has all its sequences again.
    if (this.#slots.every(({ isBroken }) => isBroken)) throw new Error("no sequence is left that can be used");
  }

  async #clear(slot: Slot, choice: Choice): Promise<void> {
    try {
      await choice.close();
    } catch (error) {
      slot.isBroken = true;
      this.#out.trouble(`a sequence could not be cleared and is used no more: ${messageOf(error)}`);
    }
  }

  #admit(): void {
    for (const slot of this.#slots) {
      while (isFree(slot)) {
        const job = this.#queue.shift();
        if (job === undefined) break;
        this.#begin(job, slot);
      }
    }
    for (const [index, job] of this.#waiting().entries()) job.waitsAt(index + 1);
  }

  /** Gives a slot to the next choice of a job; what cannot begin fails alone, and leaves the slot free. */
  #begin(job: Job, slot: Slot): void {
    this.#stopWaiting(job);
    try {
      slot.taken = { job, choice: choiceOn(slot.sequence, this.#loaded, job.begin()), isEnded: false };
      // Its other choices wait behind everybody else's.
      if (!job.hasBegun) this.#queue.push(job);
    } catch (error) {
      job.fail(error);
      this.#drop(job);
    }
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
    const free = this.#slots.filter(isFree).length;
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

/** What the native library says of a failure; never a prompt. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
