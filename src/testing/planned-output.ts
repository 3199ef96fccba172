import { parsedGbnf } from "../engine/grammar/gbnf.ts";
import { planOutput, type Output, type OutputPiece, type OutputPlan } from "../engine/output.ts";
import { writes } from "../engine/output/grammar-rest.ts";
import { chatStyle, type StyleName } from "../engine/output/styles.ts";
import type { EngineConversation } from "../engine/protocol/prompt.ts";
import type { EngineRequest } from "../engine/protocol/request.ts";
import { recordedTools, styleTemplates } from "./read-answer.ts";

/** What an output is planned for. */
export interface Asking {
  readonly style?: StyleName;
  readonly conversation?: Partial<EngineConversation>;
  readonly request?: Partial<EngineRequest>;
  /** The end of the prompt. */
  readonly text?: string;
  readonly isThinking?: boolean;
}

/** The plan of a conversation in which `recordedTools` may be called, unless something else is said. */
export function planOf({ style = "hermes", conversation = {}, request = {}, text = "", isThinking = false }: Asking): OutputPlan {
  const prompt: EngineConversation = {
    type: "messages",
    messages: [],
    tools: recordedTools,
    toolChoice: { mode: "auto", names: [] },
    continueFinalMessage: false,
    templateOptions: {},
    ...conversation,
  };
  const asked = {
    prompt,
    format: { type: "text" },
    minTokens: 0,
    ignoreEos: false,
    sampling: { logitBias: [] },
    ...request,
  } as EngineRequest;
  return planOutput(asked, { tokens: [], endTokens: new Set(), endTexts: [], text, style: chatStyle(styleTemplates[style]), isThinking });
}

/** Whether what holds now allows the next text as all that is still to come. */
export function allows(output: Output, text: string): boolean {
  const rules = parsedGbnf(output.grammar ?? "");
  return writes({ kind: "rule", name: "root" }, text, rules);
}

/** What comes of texts. */
export function pushed(output: Output, ...texts: readonly string[]): OutputPiece[] {
  return texts.flatMap((text) => output.push(text));
}

/** What work throws. */
export function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
