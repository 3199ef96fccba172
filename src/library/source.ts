/** A place that may have a model's bytes. */
export interface Source {
  /** For people: what is asked, and for what. */
  readonly label: string;
  /** Whether its bytes are taken also where no hash is known: the operator's own mirror, or what was named on the command line. */
  readonly isTrusted: boolean;
  /** Brings what must be on this machine before `open`, and tells how far it is. */
  prepare?(signal: AbortSignal): AsyncIterable<Prepared>;
  /** Opens the bytes. Throws SourceFailure. */
  open(range: SourceRange, signal: AbortSignal): Promise<OpenedSource>;
  /** Removes what `prepare` left. */
  dispose?(): Promise<void>;
}

/** How far a preparation is. */
export interface Prepared {
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
}

/** Which bytes are wanted. */
export interface SourceRange {
  /** Bytes that are here already. A source may begin at 0 all the same. */
  readonly offset: number;
  /** What the source called these bytes when the first of them came; it must begin at 0 when they have changed since. */
  readonly validator: string | undefined;
}

/** Bytes that begin to come. */
export interface OpenedSource {
  /** Place of the first byte: as asked for, or 0. */
  readonly offset: number;
  /** Size of the whole file; undefined when the source does not say. */
  readonly totalBytes: number | undefined;
  /** What the source says the file's hash is, lower-case hex. */
  readonly sha256: string | undefined;
  /** Names these bytes for a later range. */
  readonly validator: string | undefined;
  /** May throw anything. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Frees what is open; must be called, also after the last byte. */
  close(): Promise<void>;
}

/** A source does not have the file, or does not give it; the next one is asked. The message follows its label: "has no such file". */
export class SourceFailure extends Error {
  /** Whether it gave other bytes than those that were asked for. */
  readonly isCorrupt: boolean;

  constructor(message: string, options: { readonly cause?: unknown; readonly isCorrupt?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.isCorrupt = options.isCorrupt ?? false;
  }
}

const problems: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "cannot be found by name"],
  ["EAI_AGAIN", "cannot be found by name just now"],
  ["ECONNREFUSED", "refuses connections"],
  ["EHOSTUNREACH", "cannot be reached"],
  ["ENETUNREACH", "cannot be reached"],
  ["ECONNRESET", "broke the connection off"],
  ["UND_ERR_SOCKET", "broke the connection off"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "broke the connection off"],
  ["UND_ERR_CONNECT_TIMEOUT", "does not answer"],
  ["UND_ERR_HEADERS_TIMEOUT", "does not answer"],
  ["UND_ERR_BODY_TIMEOUT", "sends nothing more"],
  ["ENOENT", "has no such file"],
  ["EACCES", "may not be read"],
]);

/** Says what went wrong with a source in a few words; the error itself stays as the cause. */
export function sourceFailure(error: unknown): SourceFailure {
  if (error instanceof SourceFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new SourceFailure(problems.get(code ?? "") ?? `fails: ${message}`, { cause: error });
}
