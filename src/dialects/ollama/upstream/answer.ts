import { FinishReason, type ChatEvent, type ChatRequest, type TokenLogprob, type TopLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Timings, type Usage } from "../../../../gen/parley/v1/usage_pb.ts";
import { estimatedPromptTokens, estimatedTokens } from "../../../core/estimate.ts";
import { completed, finished, reasoning, started, text, toolCall } from "../../../core/events.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";
import { malformed, promptTooLong, truncated } from "../../upstream-fault.ts";
import { faultOfLine } from "./errors.ts";

const finishReasons: Readonly<Record<string, FinishReason>> = { stop: FinishReason.STOP, length: FinishReason.LENGTH };

/** One answer of Ollama's as events of ours, object by object; a whole answer is one object. */
export class Answer {
  readonly #request: ChatRequest;
  readonly #asked: AskedUpstream;
  /** What was sent as `num_ctx`. */
  readonly #contextLength: number | undefined;
  #calls = 0;
  #characters = 0;
  #hasStarted = false;
  #last: JsonObject | undefined;

  constructor(request: ChatRequest, asked: AskedUpstream, contextLength: number | undefined) {
    this.#request = request;
    this.#asked = asked;
    this.#contextLength = contextLength;
  }

  /** Whether the object that says `done` has come. */
  get isWhole(): boolean {
    return this.#last !== undefined;
  }

  /** Reads the next object. */
  read(value: unknown): readonly ChatEvent[] {
    if (this.isWhole) return none;
    if (!isJsonObject(value)) throw this.#malformed("a line that is no JSON object");
    if (value["error"] !== undefined && value["error"] !== null) throw faultOfLine(value, this.#asked);
    const events = this.#content(value);
    return value["done"] === true ? [...events, ...this.#finish(value)] : events;
  }

  /** What comes last. Throws `provider_truncated` when the answer is not whole. */
  end(): readonly ChatEvent[] {
    if (this.#last === undefined) throw truncated(this.#asked);
    return [completed({ usage: this.#usage(this.#last), timings: timingsOf(this.#last) })];
  }

  /** A chat has its words in a message, a raw prompt beside all else. */
  #content(value: JsonObject): readonly ChatEvent[] {
    const { message, response } = value;
    const said = isJsonObject(message) ? message : value;
    const words = this.#textOf(said === value ? response : said["content"]);
    if (words === "" || hasMore(said) || hasLogprobs(value)) return this.#rich(value, said, words);
    return this.#begun([this.#text(words, [])]);
  }

  /** Nearly every line of a stream is words and nothing else; these are the others. */
  #rich(value: JsonObject, said: JsonObject, words: string): readonly ChatEvent[] {
    const events: ChatEvent[] = [];
    const thought = this.#textOf(said["thinking"]);
    const logprobs = hasLogprobs(value) ? this.#logprobs(value["logprobs"]) : [];
    if (thought !== "") events.push(this.#thought(thought));
    if (words !== "" || logprobs.length > 0) events.push(this.#text(words, logprobs));
    if (hasCalls(said)) events.push(...this.#toolCalls(said["tool_calls"]));
    return events.length === 0 ? none : this.#begun(events);
  }

  #text(words: string, logprobs: TokenLogprob[]): ChatEvent {
    this.#characters += words.length;
    return text(0, words, logprobs);
  }

  #thought(words: string): ChatEvent {
    this.#characters += words.length;
    return reasoning(0, words);
  }

  /** Calls come whole, in one object or one after another. */
  #toolCalls(calls: unknown): ChatEvent[] {
    if (!Array.isArray(calls)) throw this.#malformed("calls of tools that are no list");
    return calls.map((call: unknown) => {
      const made = isJsonObject(call) ? call["function"] : undefined;
      if (!isJsonObject(call) || !isJsonObject(made) || typeof made["name"] !== "string")
        throw this.#malformed("a call of a tool without a name");
      const given = made["arguments"] ?? {};
      const words = typeof given === "string" ? given : JSON.stringify(given);
      this.#characters += words.length;
      const index = this.#calls++;
      const id = typeof call["id"] === "string" && call["id"] !== "" ? call["id"] : this.#inventedId(index, made["name"] + words);
      return toolCall({ choice: 0, index, id: id.toWellFormed(), name: made["name"].toWellFormed(), arguments: words.toWellFormed() });
    });
  }

  /** Older servers give calls no id. Ours is the same whenever the same answer is read, and another in each turn of a conversation, which has grown by then. */
  #inventedId(index: number, call: string): string {
    return `call_${this.#request.messages.length}_${index}_${hashOf(call)}`;
  }

  #finish(value: JsonObject): readonly ChatEvent[] {
    this.#refuseCutPrompt(value);
    this.#last = value;
    const raw = value["done_reason"];
    const rawReason = typeof raw === "string" ? raw.slice(0, mostReasonCharacters).toWellFormed() : "";
    const known = Object.hasOwn(finishReasons, rawReason) ? finishReasons[rawReason] : undefined;
    // Servers that tell no reason yet had only one besides the limit.
    const told = rawReason === "" ? FinishReason.STOP : (known ?? FinishReason.OTHER);
    return this.#begun([finished(0, told === FinishReason.STOP && this.#calls > 0 ? FinishReason.TOOL_CALLS : told, { rawReason })]);
  }

  /** Servers before 0.12.6 cut a prompt that is too long whatever they are told. It then fills the context, which one that fits never does. */
  #refuseCutPrompt(value: JsonObject): void {
    const promptTokens = countOf(value["prompt_eval_count"]);
    const contextLength = this.#contextLength;
    if (promptTokens === undefined || contextLength === undefined || promptTokens < contextLength) return;
    throw promptTooLong({ contextLength }, { status: 200, words: "" }, this.#asked);
  }

  #begun(events: ChatEvent[]): ChatEvent[] {
    if (this.#hasStarted) return events;
    this.#hasStarted = true;
    return [started(this.#asked.provider, this.#asked.model), ...events];
  }

  #usage(last: JsonObject): Usage {
    const promptTokens = countOf(last["prompt_eval_count"]);
    const completionTokens = countOf(last["eval_count"]);
    const cachedTokens = countOf(last["prompt_eval_cached_count"]);
    return {
      $typeName: "parley.v1.Usage",
      promptTokens: promptTokens ?? estimatedPromptTokens(this.#request),
      completionTokens: completionTokens ?? estimatedTokens(this.#characters),
      source: promptTokens === undefined || completionTokens === undefined ? UsageSource.ESTIMATED : UsageSource.PROVIDER,
      ...(cachedTokens !== undefined && { cachedTokens }),
    };
  }

  #logprobs(list: unknown): TokenLogprob[] {
    if (!Array.isArray(list)) throw this.#malformed("logprobs that are no list");
    return list.map((item: unknown): TokenLogprob => {
      const top = isJsonObject(item) && Array.isArray(item["top_logprobs"]) ? item["top_logprobs"] : [];
      return {
        ...this.#logprob(item),
        $typeName: "parley.v1.TokenLogprob",
        top: top.slice(0, mostAlternatives).map((each: unknown) => this.#logprob(each)),
      };
    });
  }

  #logprob(value: unknown): TopLogprob {
    if (!isJsonObject(value) || typeof value["token"] !== "string" || typeof value["logprob"] !== "number")
      throw this.#malformed("a logprob without a token");
    const { token, logprob, bytes } = value;
    const tokenBytes = Array.isArray(bytes) ? Uint8Array.from(bytes as number[]) : new TextEncoder().encode(token);
    return { $typeName: "parley.v1.TopLogprob", token: token.toWellFormed(), logprob, bytes: tokenBytes };
  }

  #textOf(value: unknown): string {
    if (value === undefined || value === null) return "";
    if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
    throw this.#malformed("words that are no text");
  }

  #malformed(what: string): Error {
    return malformed(this.#asked, what);
  }
}

const none: readonly ChatEvent[] = [];
const mostReasonCharacters = 64;
const mostAlternatives = 20;

function hasMore(said: JsonObject): boolean {
  return said["thinking"] !== undefined || hasCalls(said);
}

function hasCalls({ tool_calls: calls }: JsonObject): boolean {
  return calls !== undefined && calls !== null;
}

function hasLogprobs({ logprobs }: JsonObject): boolean {
  return logprobs !== undefined && logprobs !== null;
}

/** Durations come in nanoseconds. */
function timingsOf(last: JsonObject): Timings {
  const ms = (name: string) => {
    const value = last[name];
    return typeof value === "number" && value > 0 && value < 2e15 ? Math.round(value / 1e6) : undefined;
  };
  const [loadMs, promptMs, generationMs] = [ms("load_duration"), ms("prompt_eval_duration"), ms("eval_duration")];
  return {
    $typeName: "parley.v1.Timings",
    ...(loadMs !== undefined && { loadMs }),
    ...(promptMs !== undefined && { promptMs }),
    ...(generationMs !== undefined && { generationMs }),
  };
}

/** A count above 0: what was not counted is left out there, or 0. */
function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : undefined;
}

/** FNV-1a of 32 bits. */
function hashOf(words: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < words.length; index++) hash = Math.imul(hash ^ words.charCodeAt(index), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
