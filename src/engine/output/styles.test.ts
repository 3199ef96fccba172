import { expect, test } from "vitest";
import { chatStyle } from "./styles.ts";

// Pieces of real templates, by which they are told apart.
test.each([
  ["hermes", '{%- if tools %}<tools>{{ tools }}</tools><tool_call>\n{"name": <function-name>}</tool_call>{% if message.tool_calls %}'],
  ["xml", "{% if tools %}<tool_call>\n<function={{ tool_call.name }}>\n<parameter={{ name }}>"],
  ["llama", '<|start_header_id|>assistant<|end_header_id|>{% if custom_tools is defined %}{"name": "", "parameters": }'],
  ["mistral-list", "[TOOL_CALLS][{% if tool_call.id|length != 9 %}"],
  ["mistral", "[TOOL_CALLS]{{ name }}[ARGS]{{ arguments }}"],
  ["gemma", "<start_of_turn>user\n{{ message['content'] }}<end_of_turn>"],
  ["gemma4", "<|tool_call>call:{{ name }}{<tool_call|>"],
  ["deepseek", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>{{ name }}<｜tool▁sep｜>"],
  ["deepseek-r1", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{{ name }}\n```json\n"],
  ["harmony", "<|start|>assistant<|channel|>final<|message|>"],
  ["kimi", "<|tool_calls_section_begin|><|tool_call_begin|>{{ id }}"],
  ["marked-list", "<TOOLCALL>[{{ call }}]</TOOLCALL>"],
  ["marked-list", "respond only with <|tool_call|> followed by a JSON list"],
  ["xml", "<seed:tool_call>\n<function={{ name }}>"],
  ["functionary", "<|python_tag|><|start_header_id|><function={{ name }}>{{ arguments }}</function>"],
  ["generic", "{% for message in messages %}<|im_start|>{{ message.role }}"],
] as const)("a template of the style %s is known by its texts", (name, template) => {
  expect(chatStyle(template).name).toBe(name);
});

test("a model without a template gets the generic style", () => {
  expect(chatStyle(undefined)).toMatchObject({ name: "generic", listsTools: false, writesCalls: false, thinking: undefined });
});

test("marks of thinking are those that the template mentions", () => {
  expect(chatStyle("<think>\n</think>").thinking).toEqual({ open: "<think>", close: "</think>" });
  expect(chatStyle("{{ content.split('</think>')[-1] }}").thinking).toEqual({ open: "<think>", close: "</think>" });
  expect(chatStyle("[THINK]").thinking).toEqual({ open: "[THINK]", close: "[/THINK]" });
  expect(chatStyle("<|im_start|>").thinking).toBeUndefined();
});

test("ids of nine letters and digits are for templates that refuse others", () => {
  expect(chatStyle("[TOOL_CALLS]{% if tool_call.id|length != 9 %}").callIds).toBe("nine");
  expect(chatStyle("[TOOL_CALLS]{{ name }}[ARGS]").callIds).toBe("any");
});
