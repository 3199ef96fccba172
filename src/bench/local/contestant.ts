import type { EngineLoad } from "../../engine/protocol/load.ts";

/** Streams that are run together. */
export interface Run {
  readonly streams: readonly RunStream[];
}

/** One prompt and how much is written after it. */
export interface RunStream {
  /** Ids of the model. */
  readonly prompt: readonly number[];
  /** An answer may end earlier by itself. */
  readonly newTokens: number;
  /** It begins when the first stream of the run has written so many tokens; 0: at once. */
  readonly after: number;
}

/** What became of a stream. */
export interface Outcome {
  readonly tokens: number;
  /** When each piece came, ms since the run began; a piece is a token or, behind a door, a text. */
  readonly times: readonly number[];
  /** When it ended, ms since the run began. */
  readonly endedMs: number;
  /** Prompt tokens that were not computed for it; 0 where nobody tells. */
  readonly cachedTokens: number;
}

/** A way to run a model. */
export interface Contestant {
  readonly name: string;
  run(run: Run): Promise<readonly Outcome[]>;
  stop(): Promise<void>;
}

/** How every contestant loads the model, so that they differ in nothing else. */
export interface Setup {
  readonly modelPath: string;
  readonly threads: number;
  readonly sequences: number;
  readonly contextLength: number;
  readonly batchTokens: number;
}

/** A setup with what Parley's engine alone knows. */
export type OwnSetup = Setup & Pick<EngineLoad, "prefixCache">;

/** Tokens a second over all streams, prompts included in the time. */
export function rate(outcomes: readonly Outcome[]): number {
  const tokens = outcomes.reduce((sum, { tokens: own }) => sum + own, 0);
  return (tokens / lastMs(outcomes)) * 1000;
}

/** When the last stream ended, ms. */
export function lastMs(outcomes: readonly Outcome[]): number {
  return Math.max(...outcomes.map(({ endedMs }) => endedMs));
}
