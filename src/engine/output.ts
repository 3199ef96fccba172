import { MarkedText, type AnswerParts } from "./output/answer-text.ts";
import { HarmonyText } from "./output/harmony.ts";
import { HeldOutput } from "./output/held-output.ts";
import { planHold } from "./output/plan-hold.ts";
import type { ThinkingMarks } from "./output/styles.ts";
import type { Prompt } from "./prompt.ts";
import type { EngineRequest } from "./protocol/request.ts";

/** What a part of the model's text is. */
export type OutputPiece =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string }
  /** The first of a call has `id` and `name`; the rest are pieces of its arguments' JSON text. */
  | { readonly type: "tool-call"; readonly index: number; readonly id?: string; readonly name?: string; readonly arguments: string };

/** Takes apart what one choice writes, and says what it may write next. */
export interface Output {
  /** GBNF that everything from the next token on must match; undefined: anything goes. It may be another after each `push`, and is compared by identity. */
  readonly grammar: string | undefined;
  /** Whether what is written now is thinking. */
  readonly isReasoning: boolean;
  /** Whether tools were called. */
  readonly hasCalls: boolean;
  /** Whether the answer is complete, though the model may not have said so. */
  readonly isComplete: boolean;
  /** Takes the next whole characters. */
  push(text: string): readonly OutputPiece[];
  /** The end: what was held back. */
  end(): readonly OutputPiece[];
}

/** How the answers to one request are written and read. */
export interface OutputPlan {
  /** Whether a choice is, or may come to be, held to a grammar: the fields of the request that ask for it; empty: never. */
  readonly grammarFields: readonly string[];
  /** Whether an answer in a form is asked for, so that one of thinking alone is none. */
  readonly isForm?: boolean;
  /** Texts of special tokens that `push` wants to see; others are left out of an answer. */
  readonly markers: ReadonlySet<string>;
  /** The text that ends thinking; absent: the model does not think aloud. */
  readonly thinkingEnd?: string;
  /** An output for one choice. */
  begin(): Output;
}

/** Plans the output of a request. Throws `invalid_request` or `unsupported_field` naming the field that cannot be honoured. */
export function planOutput(request: EngineRequest, prompt: Prompt): OutputPlan {
  const { hold, fields, calls } = planHold(request, prompt);
  const { style } = prompt;
  const isHarmony = style.calls.reader === "harmony";
  const thinking = thinkingOf(request, prompt);
  if (!isHarmony && hold.whole === undefined && calls === undefined && thinking === undefined) return plainPlan;
  const reader = isHarmony
    ? () => new HarmonyText(calls ?? { style, tools: [], fits: () => false })
    : () => new MarkedText({ ...(thinking !== undefined && { thinking }), ...(calls !== undefined && { calls }) });
  return {
    grammarFields: fields,
    isForm: hold.whole !== undefined,
    markers: new Set([...(isHarmony || calls !== undefined ? style.calls.marks : []), ...specialTexts(thinking?.marks)]),
    ...(thinking !== undefined && { thinkingEnd: endOf(thinking.marks, isHarmony) }),
    begin: () => new HeldOutput(reader(), hold),
  };
}

/** What is written in the model's place to end its thinking. */
function endOf({ close }: ThinkingMarks, isHarmony: boolean): string {
  return isHarmony ? close : `\n${close}\n\n`;
}

const plainPlan: OutputPlan = { grammarFields: [], markers: new Set(), begin: plainOutput };

/** A message that is gone on from is past its thinking, or in it. */
function thinkingOf({ prompt }: EngineRequest, { style: { thinking }, isThinking }: Prompt): AnswerParts["thinking"] {
  if (prompt.type !== "messages" || thinking === undefined) return undefined;
  return prompt.continueFinalMessage && !isThinking ? undefined : { marks: thinking, isOpen: isThinking };
}

/** The special tokens that marks of thinking are written with. */
function specialTexts(marks: ThinkingMarks | undefined): readonly string[] {
  return marks === undefined ? [] : [...`${marks.open}${marks.close}`.matchAll(/<[^<>]+>|\[[^[\]]+\]/g)].map(([text]) => text);
}

/** Everything is text. */
export function plainOutput(): Output {
  return {
    grammar: undefined,
    isReasoning: false,
    hasCalls: false,
    isComplete: false,
    push: (text) => (text === "" ? [] : [{ type: "text", text }]),
    end: () => [],
  };
}
