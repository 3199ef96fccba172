import { create } from "@bufbuild/protobuf";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { Capability, ModelSchema, ModelState } from "../../../../gen/parley/v1/models_pb.ts";
import { estimatedPromptTokens, estimatedUsage } from "../../../core/estimate.ts";
import { completed, finished, started, text } from "../../../core/events.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { unsupportedField } from "../../../core/reasons.ts";
import { retryAfterMs } from "../../retry-after.ts";
import type { AnswerReader, AskedUpstream, UpstreamDialect, UpstreamFrame } from "../../upstream-dialect.ts";
import { faultOfStatus, malformed, truncated } from "../../upstream-fault.ts";
import { rawFields } from "./fields.ts";
import { promptOf } from "./prompt.ts";

/** What the one model of an upstream that names none is listed as; any name asks for it. */
const modelId = "default";

/** The format of servers with `POST /llm` alone: a prompt goes in, `{"completion": "..."}` comes out, whole, and nothing tells why it ended or what it took. */
export function rawDialect(): UpstreamDialect {
  return {
    fields: rawFields,
    framing: "ndjson",
    // A prompt is nothing but a beginning.
    canContinue: true,
    authorize: (key) => ({ authorization: `Bearer ${key}` }),
    chat(request) {
      if ((request.choices ?? 1) > 1) throw unsupportedField("choices", "this format has one answer; ask several times");
      const { maxTokens, sampling } = request;
      const body = {
        prompt: promptOf(request),
        ...(maxTokens !== undefined && { max_tokens: maxTokens }),
        ...(sampling?.temperature !== undefined && { temperature: sampling.temperature }),
      };
      return { method: "POST", path: "/llm", body, headers: {} };
    },
    reader: (request, asked) => new CompletionReader(request, asked),
    whole: eventsOf,
    listModels: () => ({ method: "GET", path: "/health", body: undefined, headers: {} }),
    models(body, provider) {
      const { status } = isJsonObject(body) ? body : {};
      const state = status === "ok" ? ModelState.READY : ModelState.FAILED;
      const problem = state === ModelState.READY ? "" : "its /health does not say that it is well";
      return [create(ModelSchema, { id: modelId, provider, state, problem, ownedBy: provider, capabilities: [Capability.CHAT] })];
    },
    errorOf({ status, headers, body }, asked, nowMs) {
      return faultOfStatus({ status, words: wordsOf(body), retryAfterMs: retryAfterMs(headers, nowMs) }, asked);
    },
  };
}

/** What a refusal says: FastAPI's `detail`, another member, or a text that is no JSON. */
function wordsOf(body: string): string {
  const told = parsedJson(body);
  if (told === undefined) return body;
  const { detail, error } = isJsonObject(told) ? told : {};
  return [detail, error].find((words) => typeof words === "string") ?? "";
}

function eventsOf(body: unknown, request: ChatRequest, asked: AskedUpstream): readonly ChatEvent[] {
  const { completion } = isJsonObject(body) ? body : {};
  if (typeof completion !== "string") throw malformed(asked, "an answer without a completion");
  const words = completion.toWellFormed();
  return [
    started(asked.provider, request.model),
    ...(words === "" ? [] : [text(0, words)]),
    finished(0, FinishReason.STOP),
    completed({ usage: estimatedUsage(estimatedPromptTokens(request), words.length) }),
  ];
}

/** As long as an answer may be that comes in lines, and as often as it is looked at whether it is there. */
const mostCharacters = 64 * 1024 * 1024;
const mostLooks = 4;

/** An answer that comes whole where a stream was asked for; its JSON may stand on several lines. */
class CompletionReader implements AnswerReader {
  readonly #request: ChatRequest;
  readonly #asked: AskedUpstream;
  #text = "";
  #looks = 0;
  isWhole = false;

  constructor(request: ChatRequest, asked: AskedUpstream) {
    this.#request = request;
    this.#asked = asked;
  }

  read({ data }: UpstreamFrame): readonly ChatEvent[] {
    if (this.isWhole) throw malformed(this.#asked, "more than one answer");
    this.#text += `${data}\n`;
    if (this.#text.length > mostCharacters) throw malformed(this.#asked, "an answer that is longer than any");
    // Only a line that may be the last is worth a look at all of them, and an answer has few such lines.
    return data.endsWith("}") && ++this.#looks <= mostLooks ? this.#look() : [];
  }

  end(): readonly ChatEvent[] {
    const events = this.isWhole ? [] : this.#look();
    if (!this.isWhole) throw truncated(this.#asked);
    return events;
  }

  #look(): readonly ChatEvent[] {
    const body = parsedJson(this.#text);
    if (body === undefined) return [];
    const events = eventsOf(body, this.#request, this.#asked);
    this.isWhole = true;
    return events;
  }
}
