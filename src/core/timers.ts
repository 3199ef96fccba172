/** The longest that Node's timers can be set to, ms; what is longer they take for 1. */
const longestMs = 2 ** 31 - 1;

/** Durations whose timers share a row at once. */
const mostRows = 256;

/** Sets a timer; the answer cancels it. Never keeps the process alive. */
export type After = (ms: number, callback: () => void) => () => void;

/**
 * Timers that are nearly always cancelled: a call sets some five, all of a few durations. Those of one duration stand in a row, in the order in which they fall due, and one timer of Node's serves the row:
 * to set and cancel one takes a tenth of what one of Node's own does. They may call back together, with no other work between, and up to 1 ms late. An infinite one never falls due.
 */
export function timers(now: () => number): After {
  const rows = new Map<number, Row>();
  const rowOf = (ms: number): Row => {
    const known = rows.get(ms);
    if (known !== undefined) return known;
    // Durations that callers choose, their deadlines, are many: those of which none runs make room.
    if (rows.size >= mostRows) for (const [each, row] of rows) if (row.close()) rows.delete(each);
    if (rows.size >= mostRows) return new Row(ms, now); // for one timer alone
    const row = new Row(ms, now, () => rows.get(ms) === row && rows.delete(ms));
    rows.set(ms, row);
    return row;
  };
  return function after(ms, callback) {
    return ms === Infinity ? () => {} : rowOf(Math.max(1, Math.ceil(ms))).add(callback);
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
  /** Undefined: it is for one timer alone. */
  readonly #onEmpty: (() => unknown) | undefined;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether its timer is set, or it will be behind what is being called. */
  #isArmed = false;

  constructor(ms: number, now: () => number, onEmpty?: () => unknown) {
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
    return () => this.#cancel(entry);
  }

  /** Gives Node's timer back, if none of its own runs; answers whether. */
  close(): boolean {
    if (this.#first !== undefined) return false;
    clearTimeout(this.#timer);
    return true;
  }

  #cancel(entry: Entry): void {
    this.#remove(entry);
    if (this.#onEmpty === undefined) this.close();
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
    this.#timer = setTimeout(() => this.#ring(), Math.min(Math.ceil(ms), longestMs)).unref();
  }

  /** Calls what is due, and is armed for the next: for one that is cancelled it is not armed anew. */
  #ring(): void {
    const nowMs = this.#now(); // what they set anew is for a later round
    try {
      for (let entry = this.#first; entry !== undefined && entry.dueMs <= nowMs; entry = this.#first) {
        const { callback } = entry;
        this.#remove(entry);
        callback?.();
      }
    } finally {
      this.#isArmed = false;
      if (this.#first === undefined) this.#onEmpty?.();
      else this.#arm(this.#first.dueMs - this.#now());
    }
  }
}
