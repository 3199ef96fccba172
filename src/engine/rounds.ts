import { limitFault } from "../core/limits.ts";

/** Workers that take the pieces of all callers in turn: one piece of each, so that a caller with many holds up nobody with few. */
export interface Rounds<Worker> {
  /** A worker to ask things of that need no turn; makes the first. */
  first(): Promise<Worker>;
  /** Does all pieces of one caller; resolves with the results in their order. When the signal is aborted, no further piece of it begins. */
  run<Piece, Result>(work: RoundWork<Worker, Piece, Result>, signal: AbortSignal): Promise<Result[]>;
  /** Workers there are now. */
  readonly workers: readonly Worker[];
  /** Waits for the pieces that run, and lets no other begin. */
  close(): Promise<void>;
}

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
  next: number;
  readonly count: number;
  readonly begin: (worker: Worker, index: number) => Promise<void>;
}

/** Rounds without a worker yet: they are made as there is work for them. */
export function rounds<Worker>({ make, most, queueLength }: RoundsOptions<Worker>): Rounds<Worker> {
  const workers: Worker[] = [];
  const idle: Worker[] = [];
  const running = new Set<Promise<void>>();
  /** Whose next piece comes first. */
  let callers: Caller<Worker>[] = [];
  let callersNow = 0;
  let mostNow = most;
  let making: Promise<Worker> | undefined;
  let isClosed = false;

  const add = (): Promise<Worker> => {
    making ??= make()
      .then((worker) => {
        workers.push(worker);
        idle.push(worker);
        return worker;
      })
      .finally(() => {
        making = undefined;
      });
    return making;
  };
  /** Begins as many pieces as there are idle workers, and makes another worker when pieces are left. */
  const turn = (): void => {
    while (!isClosed && callers.length > 0) {
      const worker = idle.pop();
      if (worker === undefined) return grow();
      const caller = callers.shift()!;
      const piece = caller.begin(worker, caller.next++);
      if (caller.next < caller.count) callers.push(caller);
      const done: Promise<void> = piece.finally(() => {
        running.delete(done);
        idle.push(worker);
        turn();
      });
      running.add(done);
    }
  };
  const grow = (): void => {
    if (making !== undefined || workers.length >= mostNow) return;
    // Without memory for another, those that are there do the work.
    add().then(turn, () => void (mostNow = workers.length));
  };
  const first = async (): Promise<Worker> => workers[0] ?? add();

  async function runAll<Piece, Result>({ pieces, work, isGoingOn }: RoundWork<Worker, Piece, Result>, signal: AbortSignal) {
    if (!isGoingOn && callersNow >= mostNow + queueLength)
      throw limitFault("engineQueue", `${callersNow} calls wait for this model already: try again later`, { retryAfterMs: 1000 });
    callersNow++;
    try {
      await first();
      return await new Promise<Result[]>((resolve, reject) => {
        const results: Result[] = [];
        let left = pieces.length;
        const stop = (error: unknown) => {
          callers = callers.filter((each) => each !== caller);
          reject(error as Error);
        };
        const begin = async (worker: Worker, index: number) => {
          try {
            results[index] = await work(worker, pieces[index]!);
            if (--left === 0) resolve(results);
          } catch (error) {
            stop(error);
          }
        };
        const caller: Caller<Worker> = { next: 0, count: pieces.length, begin };
        if (signal.aborted) return stop(signal.reason);
        signal.addEventListener("abort", () => stop(signal.reason), { once: true });
        if (left === 0) return resolve(results);
        callers.push(caller);
        turn();
      });
    } finally {
      callersNow--;
    }
  }

  return {
    first,
    run: runAll,
    workers,
    async close() {
      isClosed = true;
      callers = [];
      await Promise.allSettled([making, ...running]);
    },
  };
}
