import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LlamaContextSequence, Token } from "node-llama-cpp";
import { drawing, type Drawing, type Drawn } from "../engine/drawing.ts";
import { loadModel, type LoadedModel } from "../engine/model.ts";
import { plainOutput, type OutputPlan } from "../engine/output.ts";
import type { EngineLoad } from "../engine/protocol/load.ts";
import type { EngineRequest, EngineSampling } from "../engine/protocol/request.ts";
import { writeTinyGguf, type TinyGgufOptions } from "./tiny-gguf.ts";
import { chatStyle } from "../engine/output/styles.ts";

/** Sampling without chance and without any setting. */
export const plainSampling: EngineSampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  presencePenalty: 0,
  frequencyPenalty: 0,
  repeatPenalty: 1,
  repeatLastTokens: 64,
  logitBias: [],
};

/** An output that asks for nothing. */
export const plainPlan: OutputPlan = { grammarFields: [], markers: new Set(), begin: plainOutput };

/** A request to the engine, with the sampling that is given. */
export function engineAsk({
  sampling,
  ...more
}: Partial<Omit<EngineRequest, "sampling">> & { sampling?: Partial<EngineSampling> } = {}): EngineRequest {
  return {
    prompt: { type: "text", text: "" },
    sampling: { ...plainSampling, ...sampling },
    seeds: [1],
    stop: [],
    format: { type: "text" },
    minTokens: 0,
    ignoreEos: false,
    tenant: "tests",
    echo: false,
    priority: "interactive",
    includeProgress: false,
    ...more,
  };
}

/** Loads a model in this process. */
export function loadFile(modelPath: string, more: Partial<EngineLoad> = {}): Promise<LoadedModel> {
  const load = { gpu: false, threads: 1, sequences: 2, contextLength: 512, batchTokens: 512, queueLength: 1, queueMs: 1000 } as const;
  return loadModel(
    { modelPath, ...load, prefillChunkTokens: 512, interTokenMs: 100, tokenWaitMs: 0, ...more },
    { choose: async () => 0, onProgress: () => {} },
  );
}

/** Loads a tiny model in this process. */
export async function loadTiny(options: TinyGgufOptions = {}, more: Partial<EngineLoad> = {}): Promise<LoadedModel> {
  const directory = await mkdtemp(join(tmpdir(), "parley-tiny-"));
  try {
    const path = join(directory, "tiny.gguf");
    await writeTinyGguf(path, options);
    return await loadFile(path, more);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What is drawn, and how. */
export interface DrawAsk {
  readonly loaded: LoadedModel;
  readonly prompt: string;
  readonly request: EngineRequest;
  readonly tokens: number;
  readonly sequence?: LlamaContextSequence;
  readonly output?: OutputPlan;
  /** Called before each token. */
  readonly before?: (drawing: Drawing, index: number) => string | undefined;
}

/** Draws so many tokens after a prompt on a sequence that is cleared afterwards; fewer where an end token comes. */
export async function drawTokens({ loaded, prompt, request, tokens, sequence, output = plainPlan, before }: DrawAsk): Promise<Drawn[]> {
  const on = sequence ?? loaded.sequences[0]!;
  const history: Token[] = [...loaded.model.tokenize(prompt)];
  const promptRead = {
    tokens: [...history],
    endTokens: new Set<Token>(),
    endTexts: [],
    text: "",
    style: chatStyle(undefined),
    isThinking: false,
  };
  const draws = drawing({ sequence: on, loaded, request, prompt: promptRead, output, seed: request.seeds[0] ?? 0, history });
  const drawn: Drawn[] = [];
  let last: readonly Token[] = [...history];
  try {
    while (drawn.length < tokens) {
      const next = await draws.next(last, before?.(draws, drawn.length));
      last = last.slice(-1);
      if (next === undefined) continue;
      drawn.push(next);
      history.push(next.token);
      last = [next.token];
      if (loaded.model.isEogToken(next.token)) break;
    }
    return drawn;
  } finally {
    await draws.close();
    await on.clearHistory();
  }
}

/** The text of drawn tokens. */
export function drawnText({ model }: LoadedModel, drawn: readonly Drawn[]): string {
  return model.detokenize(drawn.map(({ token }) => token));
}
