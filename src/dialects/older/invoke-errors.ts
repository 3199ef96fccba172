import { Code, type ConnectError } from "@connectrpc/connect";
import { callersKeyHeader } from "../../core/callers-key.ts";
import { metadataOf } from "../../core/error-facts.ts";
import { fieldOf, reasonOf, reasons, type Reason } from "../../core/reasons.ts";
import { errorToOpenAI, type ParamOf } from "../openai/errors.ts";
import type { InvokeErrorType, InvokeFailure } from "./wire/langchain.ts";

/** Where the older service had a status of its own choice, and not the reason's. */
const statuses: Partial<Record<Reason, number>> = {
  model_not_found: 400,
  provider_not_found: 400,
  model_state: 400,
  quarantined: 400,
  deadline_exceeded: 503,
  time_limit: 503,
  provider_unavailable: 503,
  provider_error: 503,
  provider_timeout: 503,
  provider_truncated: 503,
  provider_malformed: 503,
};

const types: Readonly<Record<number, InvokeErrorType>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  409: "duplicate_request_error",
  429: "rate_limit_error",
  500: "internal_error",
  501: "not_implemented_error",
  502: "service_unavailable_error",
  503: "service_unavailable_error",
};

/** The status that `/invoke` answers a failure with. */
export function invokeStatusOf(error: ConnectError): number {
  const reason = reasonOf(error);
  // Of a key that the body brought: the caller is to bring another, or none.
  if (isOfCallersKey(error) && error.code === Code.PermissionDenied) return 401;
  return statuses[reason] ?? reasons[reason].http;
}

/** What an error is told with. */
export interface InvokeErrorFacts {
  readonly requestId: string | undefined;
  readonly nowMs: number;
  readonly param: ParamOf;
}

/** The error body of `/invoke`. */
export function errorToInvoke(error: ConnectError, { requestId, nowMs, param }: InvokeErrorFacts): InvokeFailure {
  const named: ParamOf = (field) => (field === callersKeyHeader ? keyField : param(field));
  const { message, param: told } = errorToOpenAI(error, named).error;
  const details = metadataOf(error);
  const reason = reasonOf(error);
  const isKeyWrong = details["expected_format"] !== undefined || isOfCallersKey(error);
  return {
    success: false,
    request_id: requestId ?? null,
    error: {
      error_type: types[invokeStatusOf(error)] ?? "validation_error",
      error_code: isKeyWrong ? "INVALID_API_KEY" : reason.toUpperCase(),
      message: message.replaceAll(`the header ${callersKeyHeader}`, keyField).replaceAll(callersKeyHeader, keyField),
      field: isKeyWrong ? keyField : reason === "model_not_found" ? "model" : told,
      details: { ...details },
    },
    timestamp: new Date(nowMs).toISOString(),
  };
}

const keyField = "openai_api_key";

/** Nobody takes it, or the upstream has refused it: an operator's key that is refused is another reason's. */
function isOfCallersKey(error: ConnectError): boolean {
  if (fieldOf(error) === callersKeyHeader) return true;
  const isOfUpstream = metadataOf(error)["upstream_status"] !== undefined;
  return isOfUpstream && (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied);
}
