import type { LlamaModel, LlamaRankingContext } from "node-llama-cpp";
import { fault } from "../../core/reasons.ts";
import { throwIfAborted } from "../../core/signals.ts";
import type { EngineAnswer, EngineQuestions } from "../protocol/questions.ts";
import { breathe, closeContexts, refuseHopeless, refuseTooLong, vectorRounds, type VectorPlan } from "./vectors.ts";

/** Scores documents. */
export interface Ranker {
  /** Makes its first context. */
  begin(): Promise<void>;
  rank(asked: EngineQuestions["rerank"]["asks"], signal: AbortSignal): Promise<EngineAnswer<"rerank">>;
  close(): Promise<void>;
}

/** The ranker of a model, whose contexts are made when they are needed. Documents of all questions are read in turn. */
export function ranker(model: LlamaModel, plan: VectorPlan): Ranker {
  const contexts = vectorRounds(plan, (options) => {
    if (!model.fileInsights.supportsRanking) throw fault("model_state", "this model has no head that ranks: choose a reranking model");
    return model.createRankingContext(options);
  });

  return {
    begin: async () => void (await contexts.first()),
    async rank({ query, documents }, signal) {
      const context = await contexts.first();
      let promptTokens = 0;
      for (const [index, document] of documents.entries()) {
        await breathe();
        throwIfAborted(signal);
        refuseHopeless(`documents[${index}]`, [query, document], plan);
        const tokens = context.calculateInputLength(query, document);
        refuseTooLong(`documents[${index}]`, tokens, plan);
        promptTokens += tokens;
      }
      const work = (on: LlamaRankingContext, document: string) => on.rank(query, document);
      return { scores: await contexts.run({ pieces: documents, work, isGoingOn: false }, signal), promptTokens };
    },
    close: () => closeContexts(contexts),
  };
}
