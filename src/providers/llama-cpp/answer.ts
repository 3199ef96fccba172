import { FinishReason, type ChatEvent, type TokenLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Timings, type Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { completed, finished, progress, reasoning, started, text, toolCall } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
import type { ReadyIterator } from "../../core/stages.ts";
import { begun } from "../../core/stream.ts";
import type { EngineEvent, EngineLogprob, EngineStats, EngineTopLogprob } from "../../engine/protocol/events.ts";

/** Whose answer it is. */
export interface AnswerContext {
  readonly provider: string;
  readonly model: string;
  /** How long the call waited for the model to be loaded; undefined when it was. */
  readonly loadMs: number | undefined;
}

const content: ReadonlySet<EngineEvent["type"]> = new Set(["text", "reasoning", "tool-call", "finished"]);

/** The contract's events of what an engine tells: `started` goes out together with the first content. */
export function answer(events: AsyncIterable<EngineEvent>, context: AnswerContext): AsyncIterable<ChatEvent> {
  return begun(() => ({ [Symbol.asyncIterator]: () => new Answer(events[Symbol.asyncIterator](), context) }));
}

type Told = IteratorResult<ChatEvent>;

/** By hand rather than as a generator: that would cost three promises a token. */
class Answer implements ReadyIterator<ChatEvent> {
  readonly #events: ReadyIterator<EngineEvent>;
  readonly #context: AnswerContext;
  #isStarted = false;
  #isOver = false;
  /** 0: not told yet. */
  #promptTokens = 0;
  #cachedTokens = 0;
  /** The first content, which follows `started`. */
  #first: ChatEvent | undefined;
  readonly #onEvent = (event: IteratorResult<EngineEvent>): Told | Promise<Told> => this.#tell(event) ?? this.next();

  constructor(events: ReadyIterator<EngineEvent>, context: AnswerContext) {
    this.#events = events;
    this.#context = context;
  }

  next(): Promise<Told> {
    const known = this.#known();
    return known === undefined ? this.#events.next().then(this.#onEvent) : Promise.resolve(known);
  }

  ready(): Told | undefined {
    for (;;) {
      const known = this.#known();
      if (known !== undefined) return known;
      const event = this.#events.ready?.();
      const told = event === undefined ? undefined : this.#tell(event);
      if (event === undefined || told !== undefined) return told;
    }
  }

  async return(): Promise<Told> {
    this.#isOver = true;
    await this.#events.return?.();
    return { done: true, value: undefined };
  }

  #known(): Told | undefined {
    if (this.#isOver) return { done: true, value: undefined };
    if (this.#first === undefined) return undefined;
    const value = this.#first;
    this.#first = undefined;
    return { done: false, value };
  }

  /** What the caller is told of an event; undefined: nothing. */
  #tell({ done, value: event }: IteratorResult<EngineEvent>): Told | undefined {
    if (done === true) throw fault("engine_failed", `the answer of model "${this.#context.model}" ended without its end mark; try again`);
    if (event.type === "completed") {
      this.#isOver = true;
      // It says no more: whoever reads on is told the end here.
      void this.#events.return?.();
      return { done: false, value: completion(event.stats, this.#context) };
    }
    this.#heed(event);
    const isContent = content.has(event.type);
    // Of the other choices that still read the prompt nothing is told once the first content is there.
    const told = isContent || !this.#isStarted ? chatEventOf(event) : undefined;
    if (told === undefined || !isContent || this.#isStarted) return told && { done: false, value: told };
    this.#first = told;
    return { done: false, value: this.#start() };
  }

  /** What is known of the prompt before the first content. */
  #heed(event: EngineEvent): void {
    if (event.type === "admitted") this.#promptTokens = event.promptTokens;
    else if (event.type === "begun") this.#cachedTokens = event.cachedTokens;
  }

  #start(): ChatEvent {
    const { provider, model } = this.#context;
    this.#isStarted = true;
    if (this.#promptTokens === 0) return started(provider, model);
    const usage: Usage = {
      $typeName: "parley.v1.Usage",
      promptTokens: this.#promptTokens,
      completionTokens: 0,
      cachedTokens: this.#cachedTokens,
      source: UsageSource.PROVIDER,
    };
    return started(provider, model, usage);
  }
}

function chatEventOf(event: EngineEvent): ChatEvent | undefined {
  switch (event.type) {
    case "waiting":
      return progress({ queuePosition: event.position });
    case "reading":
      return progress({ promptTokensDone: event.tokensDone, promptTokensTotal: event.tokensTotal });
    case "text":
      return text(event.choice, event.text, event.logprobs?.map(tokenLogprob));
    case "reasoning":
      return reasoning(event.choice, event.text);
    case "tool-call":
      return toolCall(event);
    case "finished":
      return finished(event.choice, reasons[event.reason], {
        rawReason: event.rawReason,
        ...(event.stop !== undefined && { stopSequence: event.stop }),
      });
    default:
      return undefined;
  }
}

const reasons = { stop: FinishReason.STOP, length: FinishReason.LENGTH, "tool-calls": FinishReason.TOOL_CALLS } as const;

function tokenLogprob({ top, ...own }: EngineLogprob): TokenLogprob {
  return {
    $typeName: "parley.v1.TokenLogprob",
    ...alternative(own),
    top: top.map((other) => ({ $typeName: "parley.v1.TopLogprob", ...alternative(other) })),
  };
}

function alternative({ token, bytes, logprob }: EngineTopLogprob): Pick<TokenLogprob, "token" | "bytes" | "logprob"> {
  return { token, bytes: new Uint8Array(Buffer.from(bytes, "base64")), logprob };
}

/** What it took here; who served and how long the caller waited is known outside. */
function completion(stats: EngineStats, { loadMs }: AnswerContext): ChatEvent {
  const timings: Timings = {
    $typeName: "parley.v1.Timings",
    queueMs: Math.round(stats.queueMs),
    promptMs: Math.round(stats.promptMs),
    generationMs: Math.round(stats.generationMs),
    ...(loadMs !== undefined && { loadMs: Math.round(loadMs) }),
  };
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = stats;
  return completed({
    usage: {
      $typeName: "parley.v1.Usage",
      promptTokens,
      completionTokens,
      cachedTokens,
      ...(reasoningTokens > 0 && { reasoningTokens }),
      source: UsageSource.PROVIDER,
    },
    timings,
  });
}
