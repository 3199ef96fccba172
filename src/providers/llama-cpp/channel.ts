/** A queue between one writer and one reader that knows how much waits in it. */
export interface Channel<Item> {
  push(item: Item, bytes: number): void;
  /** What waits to be read. */
  readonly waitingBytes: number;
  /** No more will come; what waits is still read. */
  end(): void;
  /** Ends it at once: the reader gets the error next, and what waits is dropped. */
  fail(error: Error): void;
  /** The next item; undefined at the end. */
  next(): Promise<Item | undefined>;
  /** The next item if it waits already; undefined: ask `next`. */
  ready(): Item | undefined;
}

/** Told when a channel becomes too full, and when it has drained to half. */
export interface ChannelOptions {
  readonly maxBytes: number;
  readonly onFull: () => void;
  readonly onDrained: () => void;
}

/** An empty channel. It never refuses an item: who writes is asked to pause. */
export function channel<Item>({ maxBytes, onFull, onDrained }: ChannelOptions): Channel<Item> {
  let items: { readonly item: Item; readonly bytes: number }[] = [];
  let waitingBytes = 0;
  let isFull = false;
  let end: { readonly error?: Error } | undefined;
  let reader: { readonly resolve: (item: Item | undefined) => void; readonly reject: (error: Error) => void } | undefined;
  const close = (how: { readonly error?: Error }) => {
    if (end !== undefined) return;
    end = how;
    if (how.error !== undefined) [items, waitingBytes] = [[], 0];
    if (how.error === undefined) reader?.resolve(undefined);
    else reader?.reject(how.error);
    reader = undefined;
  };
  const take = (): Item | undefined => {
    const first = items.shift();
    if (first === undefined) return undefined;
    waitingBytes -= first.bytes;
    if (isFull && waitingBytes <= maxBytes / 2) {
      isFull = false;
      if (end === undefined) onDrained();
    }
    return first.item;
  };
  return {
    get waitingBytes() {
      return waitingBytes;
    },
    push(item, bytes) {
      if (end !== undefined) return;
      if (reader !== undefined) {
        reader.resolve(item);
        reader = undefined;
        return;
      }
      items.push({ item, bytes });
      waitingBytes += bytes;
      if (isFull || waitingBytes <= maxBytes) return;
      isFull = true;
      onFull();
    },
    end: () => close({}),
    fail: (error) => close({ error }),
    ready: take,
    async next() {
      const first = take();
      if (first !== undefined) return first;
      if (end?.error !== undefined) throw end.error;
      if (end !== undefined) return undefined;
      return new Promise((resolve, reject) => (reader = { resolve, reject }));
    },
  };
}
