import { FinishReason, type ChatEvent, type TokenLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Timings } from "../../../gen/parley/v1/usage_pb.ts";
import { completed, finished, progress, reasoning, started, text, toolCall } from "../../core/events.ts";
import { fault } from "../../core/reasons.ts";
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
export async function* answer(events: AsyncIterable<EngineEvent>, context: AnswerContext): AsyncGenerator<ChatEvent, void, undefined> {
  let isStarted = false;
  for await (const event of events) {
    if (event.type === "completed") {
      yield completion(event.stats, context);
      return;
    }
    const isContent = content.has(event.type);
    if (isContent && !isStarted) {
      isStarted = true;
      yield started(context.provider, context.model);
    }
    // Of the other choices that still read the prompt nothing is told once the first content is there.
    const told = isContent || !isStarted ? chatEventOf(event) : undefined;
    if (told !== undefined) yield told;
  }
  throw fault("engine_failed", `the answer of model "${context.model}" ended without its end mark; try again`);
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

function alternative({ token, bytes, logprob }: EngineTopLogprob): Pick<TokenLogprob, "token" | "tokenBytes" | "logprob"> {
  return { token, tokenBytes: new Uint8Array(Buffer.from(bytes, "base64")), logprob };
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
