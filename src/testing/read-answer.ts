import type { OutputPiece } from "../engine/output.ts";
import { MarkedText, type AnswerText } from "../engine/output/answer-text.ts";
import { HarmonyText } from "../engine/output/harmony.ts";
import { chatStyle, type StyleName } from "../engine/output/styles.ts";
import type { EngineTool } from "../engine/protocol/prompt.ts";

/** Functions that recorded answers call. */
export const recordedTools: readonly EngineTool[] = [
  {
    name: "get_weather",
    description: "Weather of a city",
    parameters: '{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}',
    strict: false,
  },
  { name: "get_time", description: "", parameters: "", strict: false },
];

/** Text of a template by which each style is known. */
export const styleTemplates: Readonly<Record<StyleName, string>> = {
  hermes: "{{ tools }}<tool_call>{{ tool_calls }}<think>",
  xml: "{{ tools }}<tool_call>\n<function=",
  llama: '<|start_header_id|>{{ tools }}"parameters": ',
  "mistral-list": "[TOOL_CALLS]{% if id|length != 9 %}",
  mistral: "[TOOL_CALLS][ARGS][THINK]",
  gemma: "<start_of_turn>",
  gemma4: "<|tool_call><|channel>thought",
  deepseek: "<｜tool▁calls▁begin｜></think>",
  "deepseek-r1": "<｜tool▁calls▁begin｜>```json<think>",
  harmony: "<|channel|><|message|>",
  kimi: "<|tool_calls_section_begin|>",
  "marked-list": "<TOOLCALL>",
  functionary: "<function=",
  generic: "",
};

/** What is read of an answer. */
export interface ReadAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** How an answer is read. */
export interface Reading {
  /** Lengths of the pieces that it comes in, over and over; one piece without. */
  readonly lengths?: readonly number[];
  /** Whether calls are told as they are written. */
  readonly isTold?: boolean;
  /** Whether the prompt has opened thinking. */
  readonly isOpen?: boolean;
}

/** Reads an answer of a style. */
export function readAnswer(style: StyleName, answer: string, { lengths, isTold = false, isOpen = false }: Reading = {}): ReadAnswer {
  const reader = readerOf(style, isOpen);
  const pieces: OutputPiece[] = [];
  for (const part of cut(answer, lengths ?? [Infinity])) {
    reader.push(part);
    if (isTold) reader.calls?.release();
    pieces.push(...reader.take());
  }
  return joined([...pieces, ...reader.end()]);
}

function readerOf(name: StyleName, isOpen: boolean): AnswerText {
  const style = chatStyle(styleTemplates[name]);
  const calls = { style, tools: recordedTools, fits: () => true };
  if (name === "harmony") return new HarmonyText(calls);
  return new MarkedText({ ...(style.thinking !== undefined && { thinking: { marks: style.thinking, isOpen } }), calls });
}

/** A text in pieces of some lengths, never within a character. */
function cut(text: string, lengths: readonly number[]): string[] {
  const parts: string[] = [];
  const characters = Array.from(text);
  for (let at = 0, turn = 0; at < characters.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length] ?? 1);
    parts.push(characters.slice(at, at + length).join(""));
    at += length;
  }
  return parts;
}

/** Pieces put together. */
export function joined(pieces: readonly OutputPiece[]): ReadAnswer {
  const texts = (type: "text" | "reasoning") => pieces.map((piece) => (piece.type === type ? piece.text : "")).join("");
  const calls: { name: string; arguments: string }[] = [];
  for (const piece of pieces) {
    if (piece.type !== "tool-call") continue;
    const call = (calls[piece.index] ??= { name: piece.name ?? "", arguments: "" });
    call.arguments += piece.arguments;
  }
  return { text: texts("text"), reasoning: texts("reasoning"), calls };
}
