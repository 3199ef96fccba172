import type { ConnectError } from "@connectrpc/connect";
import { isJsonObject, parsedJson, type JsonObject } from "../../../core/json.ts";
import { unsupportedField } from "../../../core/reasons.ts";
import { retryAfterMs } from "../../retry-after.ts";
import type { AskedUpstream, UpstreamFailure } from "../../upstream-dialect.ts";
import { faultOfStatus, heardText, promptTooLong, quotaFault, upstreamFault, type Refusal } from "../../upstream-fault.ts";

/** What an answer that is no success means. */
export function faultOfAnswer({ status, headers, body }: UpstreamFailure, asked: AskedUpstream, nowMs: number): ConnectError {
  const parsed = parsedJson(body);
  return faultOfError(isJsonObject(parsed) ? parsed : { error: body }, { status, retryAfterMs: retryAfterMs(headers, nowMs) }, asked);
}

/** What an object with an `error` means that comes in a success. */
export function faultOfLine(line: JsonObject, asked: AskedUpstream): ConnectError {
  const { status } = line;
  return faultOfError(line, { status: typeof status === "number" && status >= 400 && status < 600 ? status : 500 }, asked);
}

/** What the server's runner says, which stands in the error's text as JSON of its own. */
interface Told {
  readonly words: string;
  readonly promptTokens?: number | undefined;
  readonly contextLength?: number | undefined;
}

function toldBy({ error }: JsonObject): Told {
  const text = typeof error === "string" ? error.slice(0, 4096) : "";
  const inner = isJsonObject(error) ? error : parsedJson(text);
  const told = isJsonObject(inner) ? (isJsonObject(inner["error"]) ? inner["error"] : inner) : undefined;
  if (told === undefined) return { words: text };
  const { message, n_prompt_tokens: promptTokens, n_ctx: contextLength } = told;
  return {
    words: typeof message === "string" ? message : text,
    promptTokens: countOf(promptTokens),
    contextLength: countOf(contextLength),
  };
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** What a model cannot do, by what the server says of it, and the field that asked for it: another target may be able to. */
const inabilities: readonly (readonly [RegExp, string])[] = [
  [/does not support tools/i, "tools"],
  [/does not support thinking|think value .* is not supported/i, "reasoning"],
  [/does not support (vision|images|multimodal)|missing data required for image input/i, "messages.parts.image"],
  [/does not support (chat|completion|generate)/i, "messages"],
  [/does not support embed/i, "inputs"],
];

/** The words tell more than the status, which is often 500 or 400 for all of it. */
function faultOfError(error: JsonObject, told: Omit<Refusal, "words">, asked: AskedUpstream): ConnectError {
  const { words, promptTokens, contextLength } = toldBy(error);
  const refusal: Refusal = { ...told, words };
  if (/exceeds? the (available )?context|exceeds? maximum context|input length exceeds|prompt too long/i.test(words))
    return promptTooLong({ promptTokens, contextLength }, refusal, asked);
  const inability = inabilities.find(([pattern]) => pattern.test(words));
  if (inability !== undefined) return unsupportedField(inability[1], heardText(words, asked.key), { provider: asked.provider });
  return faultOfServer(refusal, asked);
}

function faultOfServer(refusal: Refusal, asked: AskedUpstream): ConnectError {
  const { status, words } = refusal;
  const { provider, model } = asked;
  if (/not found, try pulling|^model .{0,300} not found/i.test(words) || (status === 404 && /model/i.test(words)))
    return upstreamFault("model_not_found", `${provider} has no model "${model}": run \`ollama pull ${model}\` there`, { asked, refusal });
  if (status === 404)
    return upstreamFault("provider_malformed", `${provider} knows no such path: check its base URL, and that it is an Ollama`, {
      asked,
      refusal,
    });
  if (/server busy|maximum pending requests/i.test(words))
    return upstreamFault("provider_unavailable", `${provider} is overloaded`, { asked, refusal });
  if (/loading model|waiting for .{0,40}runner|waiting for server to become available/i.test(words))
    return upstreamFault("provider_unavailable", `${provider} is still loading "${model}"`, { asked, refusal });
  if (/requires more system memory|out of memory|unable to allocate/i.test(words))
    return upstreamFault(
      "provider_error",
      `${provider} has too little memory for "${model}": free some, or ask for a smaller model or context`,
      { asked, refusal },
    );
  if (/content filter/i.test(words))
    return upstreamFault("content_filtered", `${provider} filters the content of this request`, { asked, refusal });
  if (/usage limit/i.test(words)) return quotaFault(refusal, asked);
  return faultOfStatus(refusal, asked);
}
