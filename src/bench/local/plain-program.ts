import { getLlama, LlamaLogLevel, type Token } from "node-llama-cpp";
import type { Setup } from "./contestant.ts";
import { runStreams, serveRuns } from "./program.ts";

// What most people would write with node-llama-cpp: a loop over `evaluate()` for each request, all at once.

serveRuns(async ({ modelPath, threads, sequences: count, contextLength, batchTokens }: Setup) => {
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: threads, logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ sequences: count, contextSize: contextLength, batchSize: batchTokens, threads });
  const sequences = Array.from({ length: count }, () => context.getSequence());
  return async (run) => {
    for (const sequence of sequences) await sequence.clearHistory();
    return runStreams(run, async ({ prompt, newTokens }, index, onPiece) => {
      let tokens = 0;
      for await (const token of sequences[index]!.evaluate([...prompt] as Token[], { temperature: 0, yieldEogToken: true })) {
        tokens++;
        onPiece();
        if (tokens === newTokens || model.isEogToken(token)) break;
      }
      return { tokens, cachedTokens: 0 };
    });
  };
});
