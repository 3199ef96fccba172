/** A benchmark: what it measures, what may be set, and how it is run. */
export interface Bench {
  readonly what: string;
  readonly options: Readonly<Record<string, { readonly default: number; readonly what: string }>>;
  /** Says line by line how it goes; answers with what is kept. */
  run(options: Readonly<Record<string, number>>, say: (line: string) => void): Promise<Report>;
}

/** What a benchmark found. */
export interface Report {
  /** As it was printed. */
  readonly lines: readonly string[];
  /** The numbers, for programs. */
  readonly data: unknown;
}
