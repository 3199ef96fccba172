import { PullPhase, type Model, type PullModelResponse } from "../../../gen/parley/v1/models_pb.ts";
import { unsupportedField } from "../../core/reasons.ts";
import { booleanAt, objectAt, read } from "../openai/read.ts";
import { modelAt } from "./names.ts";
import type { PullStatus } from "./wire/models.ts";

/** What a body of `/api/pull` asks for. */
export interface AskedPull {
  readonly model: string;
  readonly stream: boolean;
}

/** Reads the body of `POST /api/pull`. Throws `invalid_request` and `unsupported_field`. */
export function pullFromOllama(json: unknown): AskedPull {
  const body = objectAt(json, "body");
  if (read(body, "insecure", booleanAt) === true)
    throw unsupportedField("insecure", "models come from the sources that the service's operator has set");
  return { model: modelAt(body), stream: read(body, "stream", booleanAt) ?? true };
}

/** The last line of what went well. */
export const pulled: PullStatus = { status: "success" };

/** What is told of a step of a pull, and of the bytes where the last of them have just come; the end is told apart. */
export function pullStatuses(step: PullModelResponse, { sha256 }: Pick<Model, "sha256">, before?: PullPhase): readonly PullStatus[] {
  const { phase } = step;
  if (phase === PullPhase.CONNECTING) return [{ status: "pulling manifest" }];
  if (phase === PullPhase.DOWNLOADING) return [bytesOf(step, sha256)];
  const told = { status: phase === PullPhase.VERIFYING ? "verifying sha256 digest" : "writing manifest" };
  return before === PullPhase.DOWNLOADING ? [bytesOf(step, sha256), told] : [told];
}

function bytesOf({ bytesDone, bytesTotal }: PullModelResponse, sha256: string): PullStatus {
  return {
    status: sha256 === "" ? "pulling" : `pulling ${sha256.slice(0, 12)}`,
    ...(sha256 !== "" && { digest: `sha256:${sha256}` }),
    ...(bytesTotal !== undefined && { total: Number(bytesTotal) }),
    completed: Number(bytesDone),
  };
}

/** One line of a stream. */
export function pullLine(status: PullStatus): string {
  return `${JSON.stringify(status)}\n`;
}
