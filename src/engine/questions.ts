import { fault } from "../core/reasons.ts";
import type { LoadedModel } from "./model.ts";
import { fitting } from "./prompt.ts";
import type { EngineAnswer, EngineQuestion } from "./protocol.ts";
import type { Scheduler } from "./scheduler.ts";

/** What questions are answered with. */
export interface Answerer {
  readonly loaded: LoadedModel;
  /** Throws for a model that does not chat. */
  readonly scheduler: () => Scheduler;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
}

/** Answers a question. Throws what would become of a request like it. */
export async function answerTo(question: EngineQuestion, { loaded, signal }: Answerer): Promise<EngineAnswer> {
  switch (question.type) {
    case "count":
      return { promptTokens: fitting(loaded.makePrompt(question.prompt), loaded.contextLength).tokens.length };
    case "embed":
      return loaded.embedder.embed(question, signal);
    case "rerank":
      return loaded.ranker.rank(question, signal);
    default:
      throw fault("unimplemented", `this version answers no question of type ${question.type}`);
  }
}
