import type { ConnectError } from "@connectrpc/connect";
import { isJsonObject, parsedJson, type JsonObject } from "../../../core/json.ts";
import { retryAfterMs } from "../../retry-after.ts";
import type { AskedUpstream, UpstreamFailure } from "../../upstream-dialect.ts";
import { faultOfStatus, promptTooLong, quotaFault, upstreamFault, type Refusal } from "../../upstream-fault.ts";

/** The status that an error's type stands for where it comes in a stream, whose own status was a success. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** What an answer that is no success means. */
export function faultOfAnswer({ status, headers, body }: UpstreamFailure, asked: AskedUpstream, nowMs: number): ConnectError {
  const error = errorObject(parsedJson(body));
  return faultOfError(error ?? { message: body }, { status, retryAfterMs: retryAfterMs(headers, nowMs) }, asked);
}

/** What an `error` frame of a stream means, or an error inside a success. */
export function faultOfFrame(frame: JsonObject, asked: AskedUpstream): ConnectError {
  const error = errorObject(frame) ?? {};
  const type = error["type"];
  const status = (typeof type === "string" && Object.hasOwn(statuses, type) ? statuses[type] : undefined) ?? 500;
  return faultOfError(error, { status }, asked);
}

function errorObject(value: unknown): JsonObject | undefined {
  const error = isJsonObject(value) ? value["error"] : undefined;
  return isJsonObject(error) ? error : undefined;
}

const tooLong = /prompt is too long: (\d{1,12}) tokens > (\d{1,12})/;
const tooLongWithAnswer = /exceed context limit: (\d{1,12}) \+ \d{1,12} > (\d{1,12})/;

/** The words tell more than the status where one status stands for several things. */
function faultOfError(error: JsonObject, told: Omit<Refusal, "words">, asked: AskedUpstream): ConnectError {
  const message = error["message"];
  const words = typeof message === "string" ? message.slice(0, 4096) : "";
  const refusal: Refusal = { ...told, words };
  if (told.status === 400 || told.status === 413) return faultOfBadRequest(error, refusal, asked);
  return faultOfStatus(refusal, asked);
}

function faultOfBadRequest(error: JsonObject, refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { words } = refusal;
  const long = tooLong.exec(words) ?? tooLongWithAnswer.exec(words);
  if (long !== null) return promptTooLong({ promptTokens: Number(long[1]), contextLength: Number(long[2]) }, refusal, asked);
  if (/prompt is too long/i.test(words)) return promptTooLong({}, refusal, asked);
  if (error["type"] === "billing_error" || /credit balance|spend limit|usage limits/i.test(words)) return quotaFault(refusal, asked);
  if (/content filter/i.test(words))
    return upstreamFault("content_filtered", `${asked.provider} filters the content of this request`, { asked, refusal });
  return faultOfStatus(refusal, asked);
}
