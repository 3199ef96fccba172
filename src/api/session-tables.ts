import type { Http2Session } from "node:http2";

/**
 * Has a session keep its streams in plain arrays. Node keeps them in a `Map` and a `Set`, which get a new table whenever so many streams have come and gone, and in V8 an old table knows its successor:
 * once one has grown old, the collector keeps all that follow, with the calls in them, until its next great round. 2.5 kB of each call were copied twice and swept later, which took a tenth of a busy service's time.
 * The tables are Node's own affair (lib/internal/http2/core.js, `kState`): where they are not what is known here, they stay. Answers whether they were replaced.
 */
export function keepStreamsInArrays(session: Http2Session): boolean {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === "state");
  const state = key === undefined ? undefined : (session as unknown as Record<symbol, unknown>)[key];
  if (!isKnown(state)) return false;
  state.streams = new StreamTable();
  state.pendingStreams = new StreamList();
  return true;
}

/** What Node does with its tables. */
interface Tables {
  streams: Pick<StreamTable, "size" | "get" | "set" | "delete" | "forEach">;
  pendingStreams: Pick<StreamList, "size" | "add" | "delete" | "forEach">;
}

/** Whether these are Node's tables, still empty. */
function isKnown(state: unknown): state is Tables {
  if (typeof state !== "object" || state === null || !("streams" in state) || !("pendingStreams" in state)) return false;
  return isEmpty(state.streams, "Map") && isEmpty(state.pendingStreams, "Set");
}

/** By their tags: they are of classes that Node keeps to itself. */
function isEmpty(table: unknown, tag: string): boolean {
  return Object.prototype.toString.call(table) === `[object ${tag}]` && (table as { readonly size?: number }).size === 0;
}

/** Streams by their numbers: some hundred at most, of which the one that is looked for is most often among the newest. */
class StreamTable {
  readonly #ids: number[] = [];
  readonly #streams: unknown[] = [];

  get size(): number {
    return this.#ids.length;
  }

  get(id: number): unknown {
    const at = this.#ids.lastIndexOf(id);
    return at < 0 ? undefined : this.#streams[at];
  }

  set(id: number, stream: unknown): this {
    this.delete(id);
    this.#ids.push(id);
    this.#streams.push(stream);
    return this;
  }

  delete(id: number): boolean {
    const at = this.#ids.lastIndexOf(id);
    return at >= 0 && takeOut(this.#ids, at) && takeOut(this.#streams, at);
  }

  forEach(run: (stream: unknown) => void): void {
    for (const stream of [...this.#streams]) run(stream);
  }
}

/** Streams that have no number yet. */
class StreamList {
  readonly #streams: unknown[] = [];

  get size(): number {
    return this.#streams.length;
  }

  add(stream: unknown): this {
    if (!this.#streams.includes(stream)) this.#streams.push(stream);
    return this;
  }

  delete(stream: unknown): boolean {
    const at = this.#streams.lastIndexOf(stream);
    return at >= 0 && takeOut(this.#streams, at);
  }

  forEach(run: (stream: unknown) => void): void {
    for (const stream of [...this.#streams]) run(stream);
  }
}

/** Takes one out; the last takes its place. */
function takeOut(list: unknown[], at: number): true {
  const last = list.pop();
  if (at < list.length) list[at] = last;
  return true;
}
