// How families of models write tool calls. Every row says where its form is documented; templates are told apart by texts that only theirs have.

import type { CallForm, StyleName } from "./styles.ts";

/** A row of the table of styles. */
export interface StyleRow {
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

/** The families; the first whose text a template has is its own. */
export const styleRows: readonly StyleRow[] = [
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
  // "Tool calling" of the model cards of Kimi K2.
  {
    name: "kimi",
    isOf: (template) => template.includes("<|tool_calls_section_begin|>"),
    calls: {
      ...tagged,
      begin: "<|tool_calls_section_begin|>",
      before: "<|tool_call_begin|>functions.",
      between: ":0<|tool_call_argument_begin|>",
      after: "<|tool_call_end|>",
      separator: "",
      end: "<|tool_calls_section_end|>",
      reader: "named",
      header: new RegExp(
        String.raw`^(?:<\|tool_call_begin\|>)?\s*(?:functions\.)?${name}(?::\d+)?\s*(?:<\|tool_call_argument_begin\|>)?\s*$`,
      ),
      openers: ["<|tool_calls_section_begin|>", "<|tool_call_begin|>"],
      closers: ["<|tool_call_end|>", "<|tool_calls_section_end|>"],
      marks: ["section_begin", "section_end"]
        .map((mark) => `<|tool_calls_${mark}|>`)
        .concat(["begin", "argument_begin", "end"].map((mark) => `<|tool_call_${mark}|>`)),
    },
  },
  // Templates of Nemotron Nano 2, and of Granite 3: a list behind a mark.
  { name: "marked-list", isOf: (template) => template.includes("<TOOLCALL>"), calls: markedList("<TOOLCALL>", "</TOOLCALL>") },
  { name: "marked-list", isOf: (template) => template.includes("<|tool_call|>"), calls: markedList("<|tool_call|>", "") },
  // Template of Seed-OSS: as Qwen3-Coder, within a mark of its own.
  {
    name: "xml",
    isOf: (template) => template.includes("<seed:tool_call>"),
    calls: {
      ...tagged,
      before: tagged.before.replace("<tool_call>", "<seed:tool_call>"),
      after: tagged.after.replace("</tool_call>", "</seed:tool_call>"),
      reader: "xml",
      openers: ["<seed:tool_call>"],
      closers: ["</seed:tool_call>"],
      marks: ["<seed:tool_call>", "</seed:tool_call>"],
    },
  },
  // Template of Functionary 3.1, and "User-defined custom tool calling" of Llama 3.1's prompt format.
  {
    name: "functionary",
    isOf: (template) => template.includes("<function=") && !template.includes("<tool_call>"),
    calls: {
      ...tagged,
      before: "<function=",
      between: ">",
      after: "</function>",
      separator: "",
      reader: "named",
      header: new RegExp(String.raw`^${name}>\s*$`),
      openers: ["<function="],
      closers: ["</function>"],
      marks: [],
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
export function fenced(...more: readonly string[]): CallForm {
  return {
    ...tagged,
    openers: ["<tool_call>", "```json\n", "```tool_call\n", ...more],
    closers: ["</tool_call>", "```"],
    isBare: true,
  };
}

function markedList(open: string, close: string): CallForm {
  return {
    ...tagged,
    begin: `${open}[`,
    before: '{"name": "',
    after: "}",
    separator: ", ",
    end: `]${close}`,
    openers: [open],
    closers: close === "" ? [] : [close],
    marks: [open, ...(close === "" ? [] : [close])],
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
