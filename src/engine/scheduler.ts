import { abortFault } from "../core/signals.ts";
import { checkDrawing } from "./drawing.ts";
import { Arrivals } from "./scheduling/arrivals.ts";
import { AnswerJob, type Job } from "./scheduling/job.ts";
import type { LoadedModel } from "./model.ts";
import type { Outbox } from "./outbox.ts";
import { planOutput } from "./output.ts";
import { prefillBudget, type PrefillBudget } from "./scheduling/prefill-budget.ts";
import { PrefillShare } from "./scheduling/prefill-share.ts";
import { Prefixes } from "./prefix/prefixes.ts";
import { WarmJob, type Warmed } from "./prefix/warm-job.ts";
import { fitting, promptText, type Prompt } from "./prompt.ts";
import { errorToEngine } from "./protocol/errors.ts";
import type { EngineLoad } from "./protocol/load.ts";
import type { EngineRequest } from "./protocol/request.ts";
import { chooseSlot, isFree, tokensToRead, type Slot, type Taken, type Turn } from "./scheduling/slots.ts";
import { Ticks } from "./scheduling/ticks.ts";
import { Turnover } from "./scheduling/turnover.ts";
import { areAllGenerating, jobsReading, takeTurns } from "./scheduling/turns.ts";
import { WaitingLine } from "./scheduling/waiting-line.ts";

/** What a scheduler is held to. */
export type SchedulerLimits = Pick<
  EngineLoad,
  | "queueLength"
  | "queueMs"
  | "batchTokens"
  | "prefillChunkTokens"
  | "interTokenMs"
  | "tokenWaitMs"
  | "prefixCache"
  | "kvType"
  | "loraAdapters"
  | "gpu"
>;

/** Of the time between two tokens, copying states may take so much. */
const shareOfCopies = 0.5;

/** Runs all requests of a model in lock-step: each tick evaluates one token of every sequence that generates and as much of prompts as there is time for, and awaits them together. Batches are then full and in order. */
export class Scheduler {
  readonly #loaded: LoadedModel;
  readonly #out: Outbox;
  readonly #slots: readonly Slot[];
  readonly #line: WaitingLine;
  readonly #prefixes: Prefixes;
  readonly #budget: PrefillBudget;
  readonly #ticks: Ticks;
  readonly #share = new PrefillShare();
  readonly #arrivals = new Arrivals();
  readonly #jobs = new Map<number, Job>();
  readonly #turnover: Turnover;
  /** Resolves when the loop has ended after `close`; rejects when it cannot go on: the process is of no use then. */
  readonly ended: Promise<void>;
  #resume = () => {};
  /** Whether something has happened that the loop has not looked at. */
  #hasNews = false;
  #isClosed = false;
  #order = 0;

  constructor(loaded: LoadedModel, out: Outbox, limits: SchedulerLimits) {
    this.#loaded = loaded;
    this.#out = out;
    this.#slots = loaded.sequences.map((sequence, id) => ({ id, sequence, isBroken: false, taken: undefined, left: undefined }));
    const onTimeout = (job: Job) => {
      this.#drop(job);
      this.#flush();
    };
    this.#line = new WaitingLine({ limits, sequences: this.#slots.length, onTimeout });
    this.#prefixes = new Prefixes({ loaded, load: limits, slots: this.#slots, trouble: (what) => out.trouble(what) });
    this.#turnover = new Turnover({
      loaded,
      out,
      slots: this.#slots,
      prefixes: this.#prefixes,
      settleMs: limits.interTokenMs * shareOfCopies,
    });
    this.#budget = prefillBudget({
      interTokenMs: limits.interTokenMs,
      mostTokens: limits.prefillChunkTokens,
      batchTokens: limits.batchTokens,
    });
    this.#ticks = new Ticks({ batches: loaded.batches, budget: this.#budget, tokenWaitMs: limits.tokenWaitMs, tell: () => this.#flush() });
    this.ended = this.#run().finally(() => this.#ticks.tell());
  }

  /** Takes a request; whatever becomes of it goes to the outbox. */
  submit(id: number, request: EngineRequest): void {
    try {
      this.#refuseWhenFull();
      const prompt = fitting(this.#loaded.makePrompt(request.prompt), this.#loaded.contextLength);
      const output = planOutput(request, prompt);
      checkDrawing(request, output, this.#loaded);
      const echo = request.echo ? promptText(this.#loaded.model, request.prompt) : "";
      this.#enqueue(new AnswerJob({ id, request, prompt, output, echo, tell: (event) => this.#out.add(id, event) }));
    } catch (error) {
      this.#out.add(id, { type: "failed", error: errorToEngine(error) });
      this.#flush();
    }
  }

  /** Reads a prompt, so that requests of the tenant that begin with it may start from there. Throws `queue_full`, `queue_timeout`, and why the signal was aborted. */
  async warm(id: number, prompt: Prompt, { tenant, signal }: { readonly tenant: string; readonly signal: AbortSignal }): Promise<Warmed> {
    this.#refuseWhenFull();
    const job = new WarmJob(id, fitting(prompt, this.#loaded.contextLength), tenant);
    const stop = () => this.cancel(id);
    signal.addEventListener("abort", stop, { once: true });
    try {
      this.#enqueue(job);
      return await job.done;
    } catch (error) {
      throw signal.aborted ? abortFault(signal) : error;
    } finally {
      signal.removeEventListener("abort", stop);
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

  /** How long the tick that runs has been at work in the native library, ms; 0 when none does. */
  get stepMs(): number {
    return this.#ticks.runningMs;
  }

  /** Ends the loop after the tick that runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#line.close();
    this.#wake();
    try {
      await this.ended;
    } finally {
      this.#prefixes.close();
    }
  }

  async #run(): Promise<void> {
    let turns: readonly Turn[] = [];
    while (!this.#isClosed) {
      const isSteady = this.#isSteady(turns);
      if (!isSteady) turns = await this.#plan();
      if (turns.length > 0) {
        await this.#ticks.run(turns, isSteady);
        continue;
      }
      this.#ticks.tell();
      if (!this.#hasNews && !this.#turnover.hasMore) {
        await this.#rest();
        await this.#arrivals.settled({
          readMs: () => this.#budget.readMs(this.#line.waiting.reduce((sum, job) => sum + tokensToRead(this.#slots, job), 0)),
          isFull: () => this.#line.waiting.length >= this.#slots.filter(isFree).length,
        });
      }
    }
  }

  /** Whether the next tick is just like the last: nothing has happened since, and there is nothing to do but to generate on. */
  #isSteady(turns: readonly Turn[]): boolean {
    return !this.#hasNews && !this.#turnover.hasMore && !this.#prefixes.isWriting && areAllGenerating(this.#slots, turns);
  }

  /** Brings slots and line up to date, and answers with the turns of the next tick. */
  async #plan(): Promise<readonly Turn[]> {
    this.#hasNews = false;
    const beganMs = performance.now();
    for (const taken of await this.#turnover.release(++this.#order)) this.#onLeft(taken);
    this.#admit();
    await this.#turnover.settle(beganMs);
    this.#prefixes.write();
    // A call that has ended is none of those that the next decode may take with it.
    if (this.#out.hasEnds) this.#flush();
    const spentMs = performance.now() - beganMs;
    const turns = takeTurns(this.#slots, this.#share, (tick) => this.#budget.tokens({ ...tick, spentMs }));
    if (turns.length > 0) this.#out.reading(jobsReading(this.#slots));
    return turns;
  }

  /** Waits for news, or for a moment while there is something to write to disk, which goes a piece at a time. */
  #rest(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#prefixes.isWriting) setImmediate(resolve);
      else this.#resume = resolve;
    });
  }

  #wake(): void {
    this.#hasNews = true;
    this.#resume();
  }

  #onLeft({ job }: Taken): void {
    this.#line.served();
    if (job.isOver) this.#drop(job);
  }

  #admit(): void {
    while (this.#slots.some(isFree)) {
      const taken = this.#turnover.nextDisplaced() ?? this.#nextTaken();
      if (taken === undefined) break;
      const slot = chooseSlot(this.#slots, taken.job);
      if (slot !== undefined) slot.taken = taken;
    }
    for (const [index, job] of this.#line.waiting.entries()) job.waitsAt(index + 1);
  }

  #nextTaken(): Taken | undefined {
    const job = this.#line.next();
    if (job === undefined) return undefined;
    const state = { choice: undefined, hold: undefined, isTiredOfWaiting: false, isEnded: false, isSpoilt: false };
    const taken: Taken = { job, make: job.begin(), order: ++this.#order, clock: this.#share.now, ...state };
    if (!job.hasBegun) this.#line.reenter(job);
    return taken;
  }

  #refuseWhenFull(): void {
    this.#line.refuseWhenFull(this.#slots.filter(isFree).length);
  }

  #enqueue(job: Job): void {
    this.#jobs.set(job.id, job);
    this.#line.enter(job);
    this.#arrivals.came();
    this.#wake();
  }

  #drop(job: Job): void {
    this.#line.leave(job);
    this.#jobs.delete(job.id);
    this.#wake();
  }

  #flush(): void {
    this.#out.flush(this.#loaded.batches.take(), this.#line.waiting.length);
  }
}
