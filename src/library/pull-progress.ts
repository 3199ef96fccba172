import { create } from "@bufbuild/protobuf";
import { PullModelResponseSchema, type PullModelResponse, type PullPhase } from "../../gen/parley/v1/models_pb.ts";

/** How far a pull is. */
export interface PullProgress {
  readonly model: string;
  readonly phase: PullPhase;
  /** Label of the source; empty where none is asked. */
  readonly source: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
}

/** The message that says so. */
export function pullProgress({ model, phase, source, doneBytes = 0, totalBytes, bytesPerSecond }: PullProgress): PullModelResponse {
  const response = create(PullModelResponseSchema, { model, phase, source, bytesDone: BigInt(doneBytes) });
  if (totalBytes !== undefined) response.bytesTotal = BigInt(totalBytes);
  if (bytesPerSecond !== undefined) response.bytesPerSecond = BigInt(bytesPerSecond);
  return response;
}
