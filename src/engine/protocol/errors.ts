import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { asFault, errorDomain, fault, reasonOf, reasons, retryAfterMsOf, type FieldViolation, type Reason } from "../../core/reasons.ts";

/** An error on its way between processes. */
export interface EngineError {
  readonly reason: Reason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs?: number;
}

/** Refuses a prompt that leaves no room for an answer. `counted` is false when it cannot have fewer tokens, but may have more. */
export function promptTooLong(promptTokens: number, contextLength: number, counted: boolean): ConnectError {
  return fault(
    "context_length_exceeded",
    `the prompt has ${counted ? "" : "at least "}${promptTokens} tokens${counted ? "" : " by its length"}, and the model's context has room for ${contextLength} with at least one of the answer: shorten it`,
    { metadata: { prompt_tokens: String(promptTokens), context_length: String(contextLength) } },
  );
}

/** Makes an error fit for the channel; what is no fault of ours becomes `engine_failed` with its message, since it comes from the native library and never holds a prompt. */
export function errorToEngine(error: unknown): EngineError {
  const known =
    error instanceof ConnectError ? asFault(error) : fault("engine_failed", error instanceof Error ? error.message : "the engine failed");
  const info = known.findDetails(ErrorInfoSchema).find(({ domain }) => domain === errorDomain);
  const fields = known.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  const retryAfterMs = retryAfterMsOf(known);
  return {
    reason: reasonOf(known),
    message: known.rawMessage,
    metadata: info?.metadata ?? {},
    fields: fields.map(({ field, description }) => ({ field, description })),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Makes the error that came over the channel. A reason that nobody knows is the engine's failure. */
export function errorFromEngine({ reason, message, metadata, fields, retryAfterMs }: EngineError): ConnectError {
  const known = Object.hasOwn(reasons, reason) ? reason : "engine_failed";
  return fault(known, message, { metadata, fields, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
