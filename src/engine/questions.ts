import { fault } from "../core/reasons.ts";
import type { LlamaModel } from "node-llama-cpp";
import type { LoadedModel } from "./model.ts";
import { fitting, type Prompt } from "./prompt.ts";
import type { EngineAnswer, EngineQuestion } from "./protocol/questions.ts";
import type { Scheduler } from "./scheduler.ts";
import { detokenized, tokenized } from "./tokens/token-questions.ts";

/** What questions are answered with. */
export interface Answerer {
  /** Of the question; no request has the same. */
  readonly id: number;
  readonly loaded: LoadedModel;
  /** Throws for a model that does not chat. */
  readonly scheduler: () => Scheduler;
  /** Aborted when nobody wants the answer any more. */
  readonly signal: AbortSignal;
}

/** Answers a question. Throws what would become of a request like it. */
export async function answerTo(question: EngineQuestion, answerer: Answerer): Promise<EngineAnswer> {
  const { loaded, signal } = answerer;
  switch (question.type) {
    case "count":
      return { promptTokens: fitting(loaded.makePrompt(question.prompt), loaded.contextLength).tokens.length };
    case "render":
      return { text: textOf(loaded.makePrompt(question.prompt), loaded.model) };
    case "tokenize":
      return tokenized(loaded, question);
    case "detokenize":
      return detokenized(loaded, question);
    case "warm":
      return warmed(question, answerer);
    case "embed":
      return (loaded.embedder ?? otherwiseLoaded(loaded)).embed(question, signal);
    case "rerank":
      return (loaded.ranker ?? otherwiseLoaded(loaded)).rank(question, signal);
    default:
      return unknown(question);
  }
}

function unknown({ type }: { readonly type: string }): never {
  throw fault("unimplemented", `this version answers no question of type ${type}`);
}

function otherwiseLoaded({ model }: LoadedModel): never {
  throw fault("model_state", `model ${model.filename} is loaded for something else in this process`);
}

/** Nothing is read of a conversation whose template begins differently whatever follows. */
async function warmed(
  { prompt, tenant }: EngineQuestion<"warm">,
  { id, loaded, scheduler, signal }: Answerer,
): Promise<EngineAnswer<"warm">> {
  const beginning = loaded.makePrompt(prompt, { isBeginning: true });
  return beginning.tokens.length === 0 ? { promptTokens: 0, cachedTokens: 0 } : scheduler().warm(id, beginning, { tenant, signal });
}

/** A prompt's text; that of tokens is what they stand for. */
function textOf({ text, tokens }: Prompt, model: LlamaModel): string {
  return text === "" ? model.detokenize([...tokens], true) : text;
}
