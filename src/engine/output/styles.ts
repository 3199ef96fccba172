import { fenced, styleRows } from "./style-rows.ts";

/** How a family of models writes what is no plain answer. */
export interface ChatStyle {
  readonly name: StyleName;
  /** Whether the template lists tools; if not, `toolInstructions` has the text that does. */
  readonly listsTools: boolean;
  /** Whether the template writes earlier calls and their results; if not, `callsText` and `resultText` do. */
  readonly writesCalls: boolean;
  /** Marks of thinking; undefined: the family does not think aloud. */
  readonly thinking: ThinkingMarks | undefined;
  /** What ids of calls must look like in a conversation: Mistral's templates refuse all but nine letters and digits. */
  readonly callIds: "any" | "nine";
  readonly calls: CallForm;
}

/** Names of the styles. */
export type StyleName =
  | "hermes"
  | "xml"
  | "llama"
  | "mistral-list"
  | "mistral"
  | "gemma"
  | "gemma4"
  | "deepseek"
  | "deepseek-r1"
  | "harmony"
  | "kimi"
  | "marked-list"
  | "functionary"
  | "generic";

/** Texts around thinking. */
export interface ThinkingMarks {
  readonly open: string;
  readonly close: string;
}

/** How calls are written: `begin (before name between arguments after) (separator before …)* end`. A call of these texts is what a grammar forces; more is understood, as `reader` says. */
export interface CallForm {
  readonly begin: string;
  readonly before: string;
  readonly between: string;
  readonly after: string;
  readonly separator: string;
  readonly end: string;
  /** How an answer is read: JSON objects and lists of them are understood after every opener; besides a name before its JSON, parameters in XML, Gemma 4's own notation, or Harmony's channels. */
  readonly reader: "json" | "named" | "xml" | "gemma4" | "harmony";
  /** Of a name before its JSON: what stands between the opener and the arguments. The name is its first group. */
  readonly header?: RegExp;
  /** Texts with which calls begin in a free answer. */
  readonly openers: readonly string[];
  /** Texts that may follow a call and say nothing. */
  readonly closers: readonly string[];
  /** Those of its texts that are special tokens in the family's vocabularies. */
  readonly marks: readonly string[];
  /** Whether a bare JSON object at the very beginning of an answer may be a call. */
  readonly isBare: boolean;
  /** Whether one answer may hold several. */
  readonly isParallel: boolean;
}

const harmonyThinking: ThinkingMarks = { open: "<|channel|>analysis<|message|>", close: "<|end|>" };

/** Marks of thinking of all other families; the first that a template mentions are its own. */
const thinking: readonly ThinkingMarks[] = [
  { open: "<|channel>thought\n", close: "<channel|>" },
  { open: "<seed:think>", close: "</seed:think>" },
  { open: "<mm:think>", close: "</mm:think>" },
  { open: "[THINK]", close: "[/THINK]" },
  { open: "<|START_THINKING|>", close: "<|END_THINKING|>" },
  { open: "<think>", close: "</think>" },
  { open: "<thinking>", close: "</thinking>" },
  { open: "<reasoning>", close: "</reasoning>" },
];

/** The style of a chat template; generic for one that shows none, and for models without a template. */
export function chatStyle(template: string | undefined): ChatStyle {
  const text = template ?? "";
  const row = styleRows.find(({ isOf }) => isOf(text));
  return {
    name: row?.name ?? "generic",
    listsTools: /\b(custom_)?tools\b/.test(text),
    writesCalls: text.includes("tool_calls"),
    thinking: thinkingOf(text, row?.name),
    callIds: text.includes("[TOOL_CALLS]") && /length *!= *9/.test(text) ? "nine" : "any",
    calls: row?.calls ?? fenced(),
  };
}

function thinkingOf(template: string, style: StyleName | undefined): ThinkingMarks | undefined {
  if (style === "harmony") return harmonyThinking;
  return thinking.find(({ open, close }) => template.includes(open.trimEnd()) || template.includes(close));
}
