import { limitFault } from "../../core/limits.ts";
import { abortFault, throwIfAborted } from "../../core/signals.ts";

/** What one caller wants done. */
export interface RoundWork<Worker, Piece, Result> {
  readonly pieces: readonly Piece[];
  readonly work: (worker: Worker, piece: Piece) => Promise<Result>;
  /** It goes on with something that was let in before: it is not refused for the number of callers. */
  readonly isGoingOn: boolean;
}

/** What rounds need. */
export interface RoundsOptions<Worker> {
  readonly make: () => Promise<Worker>;
  /** Most workers; one that cannot be made is done without as long as there is another. */
  readonly most: number;
  /** Callers beyond one a worker. */
  readonly queueLength: number;
}

interface Caller<Worker> {
  /** Place of the piece that comes next. */
  next: number;
  readonly count: number;
  /** Does one piece; what it throws it tells its caller. */
  readonly begin: (worker: Worker, place: number) => Promise<void>;
  readonly fail: (error: unknown) => void;
}

/** When a caller that was refused should try again: the wait depends on pieces that nobody has counted. */
const retryAfterMs = 1000;

/** Workers that take the pieces of all callers in turn: one piece of each, so that a caller with many holds up nobody with few. They are made as there is work for them. */
export class Rounds<Worker> {
  readonly #options: RoundsOptions<Worker>;
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #running = new Set<Promise<void>>();
  /** Who has pieces left; the first is next. */
  #callers: Caller<Worker>[] = [];
  #callersNow = 0;
  #most: number;
  #making: Promise<Worker> | undefined;
  #isClosed = false;

  constructor(options: RoundsOptions<Worker>) {
    this.#options = options;
    this.#most = options.most;
  }

  /** Workers there are now. */
  get workers(): readonly Worker[] {
    return this.#workers;
  }

  /** A worker to ask things of that need no turn; makes the first. */
  async first(): Promise<Worker> {
    return this.#workers[0] ?? this.#add();
  }

  /** Does all pieces of one caller; resolves with the results in their order. After the signal is aborted, no further piece of it begins. Throws `queue_full`. */
  async run<Piece, Result>(work: RoundWork<Worker, Piece, Result>, signal: AbortSignal): Promise<Result[]> {
    if (!work.isGoingOn && this.#callersNow >= this.#most + this.#options.queueLength)
      throw limitFault("engineQueue", `${this.#callersNow} calls wait for this model already: try again later`, { retryAfterMs });
    this.#callersNow++;
    try {
      throwIfAborted(signal);
      return work.pieces.length === 0 ? [] : await this.#results(work, signal);
    } finally {
      this.#callersNow--;
    }
  }

  /** Waits for the pieces that run, and lets no other begin. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#callers = [];
    await Promise.allSettled([this.#making, ...this.#running]);
  }

  #results<Piece, Result>({ pieces, work }: RoundWork<Worker, Piece, Result>, signal: AbortSignal): Promise<Result[]> {
    return new Promise((resolve, reject) => {
      const results: Result[] = [];
      let left = pieces.length;
      const fail = (error: unknown) => {
        this.#callers = this.#callers.filter((each) => each !== caller);
        reject(error);
      };
      const begin = async (worker: Worker, place: number) => {
        try {
          results[place] = await work(worker, pieces[place]!);
          if (--left === 0) resolve(results);
        } catch (error) {
          fail(error);
        }
      };
      const caller: Caller<Worker> = { next: 0, count: pieces.length, begin, fail };
      signal.addEventListener("abort", () => fail(abortFault(signal)), { once: true });
      this.#callers.push(caller);
      this.#turn();
    });
  }

  /** Gives the idle workers pieces, and makes another worker when some are left. */
  #turn(): void {
    while (!this.#isClosed && this.#callers.length > 0) {
      const worker = this.#idle.pop();
      if (worker === undefined) return this.#grow();
      const caller = this.#callers.shift()!;
      const piece = caller.begin(worker, caller.next++);
      if (caller.next < caller.count) this.#callers.push(caller);
      const done: Promise<void> = piece.finally(() => {
        this.#running.delete(done);
        this.#idle.push(worker);
        this.#turn();
      });
      this.#running.add(done);
    }
  }

  #grow(): void {
    if (this.#making !== undefined || this.#workers.length >= this.#most) return;
    const doWithout = (error: unknown) => {
      if (this.#workers.length === 0) for (const caller of this.#callers) caller.fail(error);
      // Without memory for another, those that are there do the work.
      else this.#most = this.#workers.length;
    };
    this.#add().then(() => this.#turn(), doWithout);
  }

  #add(): Promise<Worker> {
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #make(): Promise<Worker> {
    const worker = await this.#options.make();
    this.#workers.push(worker);
    this.#idle.push(worker);
    return worker;
  }
}
