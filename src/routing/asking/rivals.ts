import type { Clock } from "../../core/ports.ts";
import { nothingCame, type Arrival, type Attempt } from "./attempts.ts";

/** What a contest needs. */
export interface RivalsOptions<Request, Event> {
  readonly clock: Clock;
  /** How long the first has to bring content before a second is made, ms. */
  readonly afterMs: number;
  readonly isProgress: (event: Event) => boolean;
  /** Makes the second; undefined: there may be none. */
  readonly second: () => Attempt<Request, Event> | undefined;
  /** Called with one that failed while another runs. False: its error ends the call. */
  readonly failed: (attempt: Attempt<Request, Event>, error: unknown) => boolean;
}

/** An attempt and, when it is slow, a second beside it: the first content wins, and the other is ended at once. */
export class Rivals<Request, Event> {
  readonly #options: RivalsOptions<Request, Event>;
  /** The newest last. */
  #running: Attempt<Request, Event>[];
  #cancel: () => void;
  #wake: () => void = () => {};
  #woken: Promise<undefined>;

  constructor(first: Attempt<Request, Event>, options: RivalsOptions<Request, Event>) {
    this.#options = options;
    this.#running = [first];
    this.#woken = new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    this.#cancel = options.clock.after(options.afterMs, () => this.#addSecond());
  }

  /** Progress of the newest, the first content of either, or the failure of the last that was left. */
  async next(): Promise<Arrival<Request, Event>> {
    for (;;) {
      const arrival = await Promise.race([this.#woken, ...this.#running.map((each) => each.arrival())]);
      if (arrival === undefined) this.#woken = new Promise(() => {}); // the second is running: wait for both
      else if (this.#isTold(arrival)) return arrival;
    }
  }

  /** Ends all of them, because their consumer left. */
  async leave(): Promise<void> {
    this.#cancel();
    await Promise.all(this.#running.map((each) => each.leave()));
  }

  #addSecond(): void {
    const second = this.#options.second();
    if (second === undefined) return;
    this.#running.push(second);
    void second.arrival(); // begins now, even if nobody waits at this moment
    this.#wake();
  }

  #isTold(arrival: Arrival<Request, Event>): boolean {
    const { attempt } = arrival;
    attempt.pending = undefined;
    if ("result" in arrival && arrival.result.done !== true) {
      if (this.#options.isProgress(arrival.result.value)) return attempt === this.#running.at(-1);
      this.#close(attempt);
      return true;
    }
    if (this.#running.length === 1) {
      this.#cancel();
      return true;
    }
    if (this.#options.failed(attempt, "error" in arrival ? arrival.error : nothingCame(attempt))) {
      this.#running = this.#running.filter((each) => each !== attempt);
      return false;
    }
    this.#close(attempt);
    return true;
  }

  /** Ends all others. */
  #close(winner: Attempt<Request, Event>): void {
    this.#cancel();
    for (const each of this.#running) if (each !== winner) each.beat();
    this.#running = [winner];
  }
}
