/** The longest that Node's timers can be set to, ms; what is longer they take for 1. */
const longestMs = 2 ** 31 - 1;

/** Durations whose timers share a row at once. */
const mostRows = 256;

/** Sets a timer; the answer cancels it. Never keeps the process alive. */
export type After = (ms: number, callback: () => void) => () => void;

/**
 * Timers that are nearly always cancelled: a call sets some five, all of a few durations. Those of one duration stand in a row, in the order in which they fall due, and one timer of Node's serves the row:
 * to set and cancel one takes a tenth of what one of Node's own does. An infinite one never falls due.
 */
export function timers(now: () => number): After {
  const rows = new Map<number, Row>();
  const rowOf = (ms: number): Row => {
    const known = rows.get(ms);
    if (known !== undefined) return known;
    const row = new Row(ms, now, () => rows.get(ms) === row && rows.delete(ms));
    if (rows.size < mostRows) rows.set(ms, row); // beyond that one is for one timer alone
    return row;
  };
  return function after(ms, callback) {
    return ms === Infinity ? () => {} : rowOf(Math.max(0, Math.ceil(ms))).add(callback);
  };
}

/** A timer in its row. */
interface Entry {
  readonly dueMs: number;
  /** Undefined: called or cancelled. */
  callback: (() => void) | undefined;
  before: Entry | undefined;
  behind: Entry | undefined;
}

class Row {
  readonly #ms: number;
  readonly #now: () => number;
  readonly #onEmpty: () => unknown;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #isArmed = false;

  constructor(ms: number, now: () => number, onEmpty: () => unknown) {
    this.#ms = ms;
    this.#now = now;
    this.#onEmpty = onEmpty;
  }

  add(callback: () => void): () => void {
    const entry: Entry = { dueMs: this.#now() + this.#ms, callback, before: this.#last, behind: undefined };
    if (this.#last === undefined) this.#first = entry;
    else this.#last.behind = entry;
    this.#last = entry;
    if (!this.#isArmed) this.#arm(this.#ms);
    return () => this.#remove(entry);
  }

  /** Takes one out, with what ties it to the others: an old one that is kept would keep all that follow. */
  #remove(entry: Entry): void {
    if (entry.callback === undefined) return;
    entry.callback = undefined;
    if (entry.before === undefined) this.#first = entry.behind;
    else entry.before.behind = entry.behind;
    if (entry.behind === undefined) this.#last = entry.before;
    else entry.behind.before = entry.before;
    entry.before = undefined;
    entry.behind = undefined;
  }

  #arm(ms: number): void {
    this.#isArmed = true;
    setTimeout(() => this.#ring(), Math.min(Math.ceil(ms), longestMs)).unref();
  }

  /** Calls what is due, and is armed for the next: for one that is cancelled it is not armed anew. */
  #ring(): void {
    this.#isArmed = false;
    try {
      for (let entry = this.#first; entry !== undefined && entry.dueMs <= this.#now(); entry = this.#first) {
        const { callback } = entry;
        this.#remove(entry);
        callback?.();
      }
    } finally {
      if (this.#first === undefined) this.#onEmpty();
      else if (!this.#isArmed) this.#arm(this.#first.dueMs - this.#now());
    }
  }
}
