// How families of models write tool calls and thinking. Every row says where its form is documented; templates are told apart by texts that only theirs have.

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

/** A row of the table of styles. */
interface StyleRow {
  readonly name: StyleName;
  readonly isOf: (template: string) => boolean;
  readonly calls: CallForm;
}

/** `<tool_call>` tags around a JSON object, which small models without any training for tools copy best. */
const tagged: CallForm = {
  begin: "",
  before: '<tool_call>\n{"name": "',
  between: '", "arguments": ',
  after: "}\n</tool_call>",
  separator: "\n",
  end: "",
  reader: "json",
  openers: ["<tool_call>"],
  closers: ["</tool_call>"],
  marks: ["<tool_call>", "</tool_call>"],
  isBare: false,
  isParallel: true,
};

const name = "([A-Za-z0-9_-]+)";

const rows: readonly StyleRow[] = [
  // OpenAI's "Harmony response format" cookbook page.
  {
    name: "harmony",
    isOf: (template) => template.includes("<|channel|>") && template.includes("<|message|>"),
    calls: {
      ...tagged,
      before: "<|channel|>commentary to=functions.",
      between: " <|constrain|>json<|message|>",
      after: "",
      reader: "harmony",
      openers: [],
      closers: [],
      marks: ["<|channel|>", "<|message|>", "<|constrain|>", "<|start|>", "<|end|>", "<|call|>", "<|return|>"],
      isParallel: false,
    },
  },
  // "Function calling" of Gemma 4's model card; its template.
  {
    name: "gemma4",
    isOf: (template) => template.includes("<|tool_call>"),
    calls: {
      ...tagged,
      before: "<|tool_call>call:",
      between: "",
      after: "<tool_call|>",
      separator: "",
      reader: "gemma4",
      header: new RegExp(`^call:${name}$`),
      openers: ["<|tool_call>"],
      closers: ["<tool_call|>"],
      marks: ["<|tool_call>", "<tool_call|>", '<|"|>'],
    },
  },
  // "Tool calling" of the model cards of DeepSeek V3.1 and later.
  {
    name: "deepseek",
    isOf: (template) => template.includes("<｜tool▁calls▁begin｜>") && !template.includes("```json"),
    calls: deepSeek("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"),
  },
  // Templates of DeepSeek R1 and V3.
  {
    name: "deepseek-r1",
    isOf: (template) => template.includes("<｜tool▁calls▁begin｜>"),
    calls: deepSeek("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", "\n```<｜tool▁call▁end｜>"),
  },
  // mistral-common's tokenizers of version 11 and later.
  {
    name: "mistral",
    isOf: (template) => template.includes("[TOOL_CALLS]") && template.includes("[ARGS]"),
    calls: {
      ...tagged,
      before: "[TOOL_CALLS]",
      between: "[ARGS]",
      after: "",
      separator: "",
      reader: "named",
      header: new RegExp(String.raw`^${name}(?:\[CALL_ID\]\w*)?(?:\[ARGS\])?\s*$`),
      openers: ["[TOOL_CALLS]"],
      closers: [],
      marks: ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
    },
  },
  // mistral-common's tokenizers of versions 2 to 7.
  {
    name: "mistral-list",
    isOf: (template) => template.includes("[TOOL_CALLS]"),
    calls: {
      ...tagged,
      begin: "[TOOL_CALLS][",
      before: '{"name": "',
      after: "}",
      separator: ", ",
      end: "]",
      openers: ["[TOOL_CALLS]"],
      closers: [],
      marks: ["[TOOL_CALLS]"],
    },
  },
  // Qwen3-Coder's tool parser beside its weights; Nemotron 3, Step 3.5 and Qwen 3.5 write the same. JSON is forced, since only for JSON a schema is a guarantee.
  {
    name: "xml",
    isOf: (template) => template.includes("<tool_call>") && template.includes("<function="),
    calls: { ...tagged, reader: "xml" },
  },
  // "Function calling" of Nous Hermes and of Qwen's documentation.
  { name: "hermes", isOf: (template) => template.includes("<tool_call>") && !template.includes("<arg_key>"), calls: tagged },
  // "Tool calling" in the model cards and prompt formats of Llama 3.1 to 3.3.
  {
    name: "llama",
    isOf: (template) => template.includes("<|start_header_id|>") && /"parameters": |<\|python_tag\|>/.test(template),
    calls: {
      ...tagged,
      before: '{"name": "',
      between: '", "parameters": ',
      after: "}",
      openers: ["<|python_tag|>"],
      closers: [";"],
      marks: ["<|python_tag|>"],
      isBare: true,
      isParallel: false,
    },
  },
  // Google's "Function calling with Gemma": no marks of its own, JSON or a block of code.
  {
    name: "gemma",
    isOf: (template) => template.includes("<start_of_turn>"),
    calls: fenced("```tool_code\n"),
  },
];

/** What models write that have learnt no form: tags, a block of code, or the bare object. */
function fenced(...more: readonly string[]): CallForm {
  return {
    ...tagged,
    openers: ["<tool_call>", "```json\n", "```tool_call\n", ...more],
    closers: ["</tool_call>", "```"],
    isBare: true,
  };
}

function deepSeek(before: string, between: string, after: string): CallForm {
  return {
    ...tagged,
    begin: "<｜tool▁calls▁begin｜>",
    before,
    between,
    after,
    separator: "",
    end: "<｜tool▁calls▁end｜>",
    reader: "named",
    header: new RegExp(`^(?:<｜tool▁call▁begin｜>)?(?:function<｜tool▁sep｜>)?\\s*${name}(?:<｜tool▁sep｜>)?\\s*(?:\`\`\`json)?\\s*$`),
    openers: ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"],
    closers: ["```", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"],
    marks: ["<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"],
  };
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
  const row = rows.find(({ isOf }) => isOf(text));
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
