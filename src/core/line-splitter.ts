/** What a splitter needs. */
export interface LineSplitterOptions {
  /** Longer lines are dropped. */
  readonly maxBytes: number;
  readonly onLine: (line: string) => void;
  /** A line is longer than that: called once for it, as soon as it is known. */
  readonly onTooLong: () => void;
}

const newline = 10;

/** Cuts UTF-8 that comes in pieces into lines, and never keeps more than one of them. The answer takes the next piece. */
export function lineSplitter({ maxBytes, onLine, onTooLong }: LineSplitterOptions): (piece: Uint8Array) => void {
  const decoder = new TextDecoder();
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let isDropping = false;
  const keep = (part: Uint8Array) => {
    bytes += part.length;
    if (!isDropping) parts.push(part);
    if (isDropping || bytes <= maxBytes) return;
    isDropping = true;
    parts = [];
    onTooLong();
  };
  const end = () => {
    const line = isDropping ? undefined : parts.map((part, index) => decoder.decode(part, { stream: index < parts.length - 1 })).join("");
    [parts, bytes, isDropping] = [[], 0, false];
    if (line !== undefined) onLine(line);
  };
  return (piece) => {
    let from = 0;
    for (let to = piece.indexOf(newline); to >= 0; to = piece.indexOf(newline, from)) {
      keep(piece.subarray(from, to));
      end();
      from = to + 1;
    }
    if (from < piece.length) keep(piece.subarray(from));
  };
}
