import { limitFault } from "../../core/limits.ts";
import { fairQueue } from "./fair-queue.ts";
import type { Job } from "./job.ts";
import type { EngineLoad } from "../protocol/load.ts";
import { waitEstimate } from "./wait-estimate.ts";

/** What a line is held to. */
export interface LineOptions {
  readonly limits: Pick<EngineLoad, "queueLength" | "queueMs">;
  readonly sequences: number;
  /** A job has waited too long and has failed. */
  readonly onTimeout: (job: Job) => void;
}

/** Jobs that wait for a sequence: so many at most, and so long. */
export class WaitingLine {
  readonly #options: LineOptions;
  readonly #queue = fairQueue<Job>();
  readonly #timers = new Map<Job, NodeJS.Timeout>();
  readonly #estimate;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#estimate = waitEstimate(options.sequences);
  }

  /** Jobs of which no choice has begun. */
  get waiting(): readonly Job[] {
    return this.#queue.inOrder().filter(({ isAdmitted }) => !isAdmitted);
  }

  /** Refuses one more while so many sequences are free. Throws `queue_full`, saying when to come again. */
  refuseWhenFull(free: number): void {
    const depth = this.waiting.length;
    if (depth + 1 - free <= this.#options.limits.queueLength) return;
    const retryAfterMs = this.#estimate.waitMs(depth);
    throw limitFault("engineQueue", `${Math.max(0, depth - free)} calls wait for this model already: try again later`, { retryAfterMs });
  }

  enter(job: Job): void {
    this.#queue.push(job);
    this.#timers.set(
      job,
      setTimeout(() => this.#timeOut(job), this.#options.limits.queueMs),
    );
  }

  /** The next job with a choice to begin: it has left the line. */
  next(): Job | undefined {
    const job = this.#queue.shift();
    if (job !== undefined) this.#stopTimer(job);
    return job;
  }

  /** The other choices of a job wait behind everybody else's. */
  reenter(job: Job): void {
    this.#queue.push(job);
  }

  leave(job: Job): void {
    this.#stopTimer(job);
    this.#queue.remove(job);
  }

  /** A sequence became free. */
  served(): void {
    this.#estimate.served();
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #timeOut(job: Job): void {
    const { limits, onTimeout } = this.#options;
    const retryAfterMs = this.#estimate.waitMs(this.waiting.length);
    job.fail(limitFault("engineQueueMs", `no sequence became free within ${limits.queueMs} ms: try again later`, { retryAfterMs }));
    onTimeout(job);
  }

  #stopTimer(job: Job): void {
    clearTimeout(this.#timers.get(job));
    this.#timers.delete(job);
  }
}
