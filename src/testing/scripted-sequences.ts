import type { LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import type { LoadedModel } from "../engine/model.ts";
import { chatStyle } from "../engine/output/styles.ts";
import { specialTexts } from "../engine/prompt/special-texts.ts";
import { batches } from "../engine/scheduling/batch.ts";

/** Lets what is due in the next turns of the event loop happen. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

/** A sequence whose decodes are seen as the library's are: the first at once, the second when it may begin; and that waits in the second. */
export function steppedSequence(
  model: LoadedModel,
  { begin, go }: { readonly begin: Promise<void>; readonly go: Promise<void> },
): LlamaContextSequence {
  const made = scriptedSequence();
  const evaluate = made.evaluate.bind(made);
  const decode = () => model.batches.strategy({ items: [], size: 512 });
  made.evaluate = async function* (...given) {
    decode();
    for await (const token of evaluate(...given)) {
      yield token;
      await begin;
      decode();
      await go;
    }
  };
  return made;
}

/** What a sequence of ours does beside drawing. */
interface Script {
  /** Comes before it forgets anything. */
  readonly cut?: () => Promise<void>;
  /** Turns of the event loop that each evaluation takes. Default: one. */
  readonly turnsEach?: number;
  /** Told of so many tokens that are read. */
  readonly read?: (tokens: number) => void;
}

/** A sequence of the native library that draws the token 65 for ever. */
export function scriptedSequence({ cut = async () => {}, read = () => {}, turnsEach = 1 }: Script = {}): LlamaContextSequence {
  let held: Token[] = [];
  const made = {
    get nextTokenIndex() {
      return held.length;
    },
    get contextTokens() {
      return [...held];
    },
    async *evaluate(tokens: readonly Token[]) {
      for (let next = tokens; ; next = [65 as Token]) {
        await turns(turnsEach);
        read(next.length);
        held.push(...next);
        yield 65 as Token;
      }
    },
    async evaluateWithoutGeneratingNewTokens(tokens: readonly Token[]) {
      held.push(...tokens);
    },
    async adaptStateToTokens(tokens: readonly Token[]) {
      await cut();
      held = held.slice(0, tokens.length);
    },
    async clearHistory() {
      await cut();
      held = [];
    },
  };
  return made as unknown as LlamaContextSequence;
}

/** A model that reads its prompts from their token ids. */
export function scriptedModel(sequences: readonly LlamaContextSequence[]): LoadedModel {
  const model = {
    isEogToken: () => false,
    detokenize: (tokens: readonly Token[]) => String.fromCharCode(...tokens),
  };
  return {
    model: model as unknown as LlamaModel,
    sequences,
    batches: batches(),
    makePrompt: (prompt) => ({
      tokens: (prompt.type === "tokens" ? prompt.tokens : []) as Token[],
      endTokens: new Set(),
      endTexts: [],
      text: "",
      style: chatStyle(undefined),
      isThinking: false,
    }),
    templateProblem: undefined,
    contextLength: 1_000_000,
    vocabularySize: 256,
    about: { contextLength: 1_000_000, sequences: sequences.length, memoryBytes: 0, vectorLength: 1, isMapped: false },
    special: specialTexts([]),
    embedder: undefined,
    ranker: undefined,
    dispose: async () => {},
  };
}
