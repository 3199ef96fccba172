import type { Usage } from "../../gen/parley/v1/usage_pb.ts";

// What is kept of what attempts took.

/** What one attempt at a target took, for the books. */
export interface AttemptRecord {
  readonly requestId: string;
  /** Name of the kind of work. */
  readonly operation: string;
  readonly tenant: string;
  readonly keyId: string;
  readonly provider: string;
  readonly model: string;
  /** Number of the upstream's key, from 1; 0 when it has none, or when the caller brought one. */
  readonly key: number;
  /** From 1, over all targets of the call. */
  readonly attempt: number;
  readonly isCallersKey: boolean;
  /** `ok`, `lost` (a hedge that another beat), `discarded` (it was to go on with a broken answer, and came in other words), `left` (the caller went away), or the error's reason. */
  readonly outcome: string;
  /** Undefined: nothing was used, or nobody knows. */
  readonly usage: Usage | undefined;
  /** In currency units; undefined: no price is known. */
  readonly cost: number | undefined;
  /** Version of the prices. */
  readonly priceVersion: string;
  readonly durationMs: number;
  readonly firstContentMs: number | undefined;
}

/** The books: one record an attempt. */
export interface Ledger {
  record(attempt: AttemptRecord): void;
}
