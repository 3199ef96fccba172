import type { ConnectError } from "@connectrpc/connect";
import { isJsonObject, parsedJson, type JsonObject } from "../../../core/json.ts";
import { fieldsFault } from "../../../core/reasons.ts";
import type { AskedUpstream, UpstreamFailure } from "../../upstream-dialect.ts";
import {
  credentialsFault,
  faultOfStatus,
  heardText,
  missingModelFault,
  promptTooLong,
  quotaFault,
  upstreamFault,
  type Refusal,
} from "../../upstream-fault.ts";
import { contextCounts } from "./context-limit.ts";
import { contractField, wishedField } from "./param.ts";
import type { OpenAIKind } from "./quirk-rows.ts";
import { waitMs } from "./rate-limits.ts";
import { refusalOf, toldErrorOf, type ToldError } from "./told-error.ts";

/** What an answer that is no success means, and what the operator or the caller has to do. */
export function faultOfAnswer(
  { status, headers, body }: UpstreamFailure,
  asked: AskedUpstream,
  { kind, nowMs }: { readonly kind: OpenAIKind; readonly nowMs: number },
): ConnectError {
  const told = refusalOf(parsedJson(body));
  const refusal = { status, words: heardWords(told), retryAfterMs: waitMs(headers, told?.rest, nowMs) };
  return meaning({ told, refusal, asked, kind });
}

/** What an error inside a success means: in a chunk of a stream, or in an answer that came whole. Undefined where there is none. */
export function faultWithin(value: JsonObject, asked: AskedUpstream): ConnectError | undefined {
  const told = toldErrorOf(value);
  if (told === undefined) return undefined;
  const refusal = { status: told.status ?? statuses[told.type] ?? statuses[told.code] ?? 500, words: heardWords(told) };
  return meaning({ told, refusal, asked });
}

/** What an event named `error` means, whatever it says. */
export function faultOfEvent(value: unknown, asked: AskedUpstream): ConnectError {
  const told = refusalOf(value);
  const within = isJsonObject(value) ? faultWithin(value, asked) : undefined;
  return within ?? meaning({ told, refusal: { status: 500, words: heardWords(told) }, asked });
}

/** The status that an error's type or code stands for where the answer's own was a success. */
const statuses: Readonly<Partial<Record<string, number>>> = {
  invalid_request_error: 400,
  BadRequestError: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  insufficient_quota: 429,
  permission_error: 403,
  not_found_error: 404,
  NotFoundError: 404,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  timeout: 504,
  overloaded: 503,
  overloaded_error: 503,
  unavailable_error: 503,
  service_unavailable: 503,
};

interface Told {
  readonly told?: ToldError | undefined;
  readonly refusal: Refusal;
  readonly asked: AskedUpstream;
  readonly kind?: OpenAIKind;
}

/** One status stands for several things: codes and words tell them apart. */
function meaning(told: Told): ConnectError {
  return aboutPrompt(told) ?? aboutAccount(told) ?? aboutModel(told) ?? aboutFields(told) ?? faultOfStatus(told.refusal, told.asked);
}

function aboutPrompt({ told, refusal, asked }: Told): ConnectError | undefined {
  if (told === undefined) return undefined;
  const counts = refusal.status === 401 || refusal.status === 429 ? undefined : contextCounts(told);
  if (counts !== undefined) return promptTooLong(counts, refusal, asked);
  if (!filterCodes.test(told.code) && !(refusal.status < 500 && filterWords.test(told.words))) return undefined;
  return upstreamFault("content_filtered", `${asked.provider} filters the content of this request`, { asked, refusal });
}

const filterCodes = /^(?:content_filter|content_policy_violation|ResponsibleAIPolicyViolation|moderation_blocked)$/;
const filterWords = /content (?:filter|management policy|policy)|requires moderation|was flagged|Content Exists Risk|safety system/i;

const quotaCodes = /^(?:insufficient_quota|billing_hard_limit_reached|billing_not_active|insufficient_balance)$/;
const quotaWords =
  /exceeded your (?:current|monthly)|depleted your monthly|insufficient (?:balance|credits?|funds)|(?:more|pre-?paid) credits|usage limit/i;
const gated =
  /\bgated\b|awaiting (?:a )?review|accept (?:the|its|their) (?:terms|licen[cs]e|conditions)|access to (?:the )?model .{0,200}restricted/is;

function aboutAccount(about: Told): ConnectError | undefined {
  const { told, refusal, asked } = about;
  if (isQuota(refusal.status, told)) return quotaFault(refusal, asked);
  const isCallers = refusal.status >= 400 && refusal.status < 500;
  return isCallers && gated.test(told?.words ?? "") ? gatedFault(refusal, asked) : aboutKey(about);
}

function isQuota(status: number, told: ToldError | undefined): boolean {
  if (status === 402) return true;
  if (told === undefined) return false;
  return quotaCodes.test(told.code) || quotaCodes.test(told.type) || (status === 429 && quotaWords.test(told.words));
}

/** What an upstream says of a key may hold a piece of it, and is not repeated. */
function aboutKey({ told, refusal, asked, kind }: Told): ConnectError | undefined {
  const isUnknown = refusal.status === 401 || told?.code === "invalid_api_key";
  // OpenAI forbids some models' logprobs: a call without them may use the same key.
  const isRefused = isUnknown || (refusal.status === 403 && wishedField(told?.words ?? "") === undefined);
  if (!isRefused) return undefined;
  const silent = { ...refusal, status: isUnknown ? 401 : 403, words: "" };
  if (kind !== "huggingface" || asked.isCallersKey) return credentialsFault(silent, asked);
  const message = `${asked.provider} refuses its token: configure one that begins with hf_ and has the permission to make calls to Inference Providers; "hf auth whoami" tests it`;
  return upstreamFault("provider_credentials", message, { asked, refusal: silent });
}

/** Terms that somebody has to accept by hand. */
function gatedFault(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { provider, model, isCallersKey } = asked;
  const message = `"${model}" is a gated model at ${provider}: accept its terms on its page with the account of the key, wait until that is approved, and let the key read gated repositories`;
  return upstreamFault(isCallersKey ? "permission_denied" : "provider_credentials", message, { asked, refusal: { ...refusal, words: "" } });
}

const unknownModel =
  /model .{0,300}(?:does not exist|not exist|not found|not supported by any provider|is not loaded)|not a valid model|no endpoints found for|model not exist/is;
const modelCodes = /^(?:model_not_found|model_not_supported|unknown_model)$/;
/** What servers say of a path that they do not have; nothing at all, and pages of HTML, are read so too. */
const unknownPath = /^$|^(?:file |page )?not found\.?$|invalid url|cannot (?:get|post)\b|no such (?:route|path)/i;
/** LM Studio says it with a success. */
const unexpected = /^unexpected endpoint/i;

function aboutModel({ told, refusal, asked }: Told): ConnectError | undefined {
  const { status } = refusal;
  const { words = "", code = "" } = told ?? {};
  if (isUnknownPath(status, words)) {
    const message = `${asked.provider} has no such path: check its base URL, which for most kinds ends in /v1`;
    return upstreamFault("provider_malformed", message, { asked, refusal });
  }
  const isUnknown = modelCodes.test(code) || (status >= 400 && status < 500 && unknownModel.test(words));
  return isUnknown ? missingModelFault({ ...refusal, status: 404 }, asked) : undefined;
}

function isUnknownPath(status: number, words: string): boolean {
  return status === 405 || unexpected.test(words) || (status === 404 && unknownPath.test(words));
}

const unsupported = /^unsupported_(?:parameter|value)$/;
const unsupportedWords =
  /not supported (?:with|by|for) this model|no endpoints found that (?:support|can handle)|unsupported (?:parameter|value)/i;

/** A field that this upstream or model does not take: another may. A field that is wrong is so everywhere. */
function aboutFields({ told, refusal, asked }: Told): ConnectError | undefined {
  const { status } = refusal;
  if (told === undefined || status >= 500) return undefined;
  const field = contractField(told.param, told.words);
  if (unsupported.test(told.code) || unsupportedWords.test(told.words) || wishedField(told.words) !== undefined)
    return refusedField("unsupported_field", field ?? "provider_options", { refusal, asked });
  return field !== undefined && (status === 400 || status === 422) ? refusedField("invalid_request", field, { refusal, asked }) : undefined;
}

function refusedField(reason: "unsupported_field" | "invalid_request", field: string, { refusal, asked }: Told): ConnectError {
  const heard = heardText(refusal.words, asked.key);
  const what = reason === "unsupported_field" ? "is not supported by" : "is refused by";
  const description = `${what} ${asked.provider}${heard === "" ? "" : ` (it says: ${heard})`}`;
  return fieldsFault(reason, [{ field, description }], { provider: asked.provider, metadata: { upstream_status: String(refusal.status) } });
}

/** Text in quotes of some length is the request's own. */
const quoted = /"[^"]{40,}"|'[^']{40,}'|`[^`]{40,}`/g;
/** From here on servers print what they were sent, or what the model wrote. */
const echoed = /(?:\{|input_value\s*=|['"]?(?:input|messages|prompt)['"]?\s*:|at pos(?:ition)? \d+:|last read:|Traceback).*$/s;

/** An upstream's words without what they quote of the request or the answer. */
function heardWords(told: ToldError | undefined): string {
  return (told?.words ?? "")
    .replaceAll(quoted, "…")
    .replace(echoed, "")
    .replace(/[[(,:\s]{1,16}$/, "")
    .trim();
}
