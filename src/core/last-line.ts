import type { ConnectError } from "@connectrpc/connect";
import { metadataOf } from "./error-facts.ts";

/** Name of the fact that says what a model's process said last. */
const name = "last_line";

/** The fact, for an error that carries it; nothing where the process said nothing that may be told. */
export function lastLineFact(line: string): Readonly<Record<string, string>> {
  return line === "" ? {} : { [name]: line };
}

/** What a model's process said last before it failed, fit for callers; undefined where nobody knows. */
export function lastLineOf(error: ConnectError): string | undefined {
  return metadataOf(error)[name];
}
