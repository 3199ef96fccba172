import type { Writable } from "node:stream";
import type { Variables } from "../core/child-environment.ts";

/** What a command has of the process that it runs in. */
export interface Host {
  readonly variables: Variables;
  /** For what the user asked for. */
  readonly out: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** For warnings, errors, progress and the log. */
  readonly err: Writable & { readonly isTTY?: boolean; readonly columns?: number };
}
