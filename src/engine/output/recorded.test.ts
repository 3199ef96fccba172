import { assert, array, constantFrom, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { readAnswer, type ReadAnswer } from "../../testing/read-answer.ts";
import type { StyleName } from "./styles.ts";

// Answers in the forms that the families document, or that their models are known to write.

const weather = { name: "get_weather", arguments: '{"city": "Köln", "days": 2}' };
const time = { name: "get_time", arguments: "{}" };

interface Recorded {
  readonly what: string;
  readonly style: StyleName;
  readonly answer: string;
  readonly read: Partial<ReadAnswer>;
}

const recorded: readonly Recorded[] = [
  {
    what: "Hermes: a call in tags",
    style: "hermes",
    answer: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}\n</tool_call>',
    read: { calls: [weather] },
  },
  {
    what: "Qwen 3: thinking, words and two calls",
    style: "hermes",
    answer:
      '<think>\nThe user wants both.\n</think>\n\nI look.\n\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}\n</tool_call>\n<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>',
    read: { reasoning: "The user wants both.", text: "I look.", calls: [weather, time] },
  },
  {
    what: "Hermes 2 Pro: the arguments before the name",
    style: "hermes",
    answer: '<tool_call>\n{"arguments": {"city": "Köln", "days": 2}, "name": "get_weather"}\n</tool_call>',
    read: { calls: [{ ...weather, arguments: '{"city":"Köln","days":2}' }] },
  },
  {
    what: "a small model that forgets the last brace",
    style: "hermes",
    answer: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}\n</tool_call>',
    read: { calls: [weather] },
  },
  {
    what: "SmolLM2: a list in tags",
    style: "generic",
    answer:
      '<tool_call>[{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}, {"name": "get_time", "arguments": {}}]</tool_call>',
    read: { calls: [weather, time] },
  },
  {
    what: "a bare object, as OpenAI writes it",
    style: "generic",
    answer: ' {"type": "function", "function": {"name": "get_weather", "arguments": "{\\"city\\": \\"Köln\\", \\"days\\": 2}"}}',
    read: { calls: [weather] },
  },
  {
    what: "a block of code",
    style: "gemma",
    answer: 'Sure:\n```json\n{"name": "get_weather", "parameters": {"city": "Köln", "days": 2}}\n```\nDone.',
    read: { text: "Sure:\nDone.", calls: [weather] },
  },
  {
    what: "Gemma 3: a block of its own",
    style: "gemma",
    answer: '```tool_code\n{"name": "get_time", "parameters": {}}\n```',
    read: { calls: [time] },
  },
  {
    what: "Qwen3-Coder: parameters as elements",
    style: "xml",
    answer:
      "I look.\n<tool_call>\n<function=get_weather>\n<parameter=days>\n2\n</parameter>\n<parameter=city>\nKöln\n</parameter>\n</function>\n</tool_call>",
    read: { text: "I look.", calls: [{ ...weather, arguments: '{"city":"Köln","days":2}' }] },
  },
  {
    what: "Qwen3-Coder: without the outer tag",
    style: "xml",
    answer: "<function=get_time>\n</function>\n</tool_call>",
    read: { calls: [time] },
  },
  {
    what: "Llama 3.1: a bare object",
    style: "llama",
    answer: '{"name": "get_weather", "parameters": {"city": "Köln", "days": 2}}',
    read: { calls: [weather] },
  },
  {
    what: "Llama 3.1: behind the mark of its interpreter, and several",
    style: "llama",
    answer: '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Köln", "days": 2}}; {"name": "get_time", "parameters": {}}',
    read: { calls: [weather, time] },
  },
  {
    what: "Mistral Nemo: a list",
    style: "mistral-list",
    answer:
      '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}, "id": "aB3dE6gH9"}, {"name": "get_time", "arguments": {}}]',
    read: { calls: [weather, time] },
  },
  {
    what: "Mistral Small 3.2: names and arguments",
    style: "mistral",
    answer: '[TOOL_CALLS]get_weather[CALL_ID]aB3dE6gH9[ARGS]{"city": "Köln", "days": 2}[TOOL_CALLS]get_time[ARGS]{}',
    read: { calls: [weather, time] },
  },
  {
    what: "Magistral: thinking, then a name without marks",
    style: "mistral",
    answer: '[THINK]Which city?[/THINK][TOOL_CALLS]get_weather{"city": "Köln", "days": 2}',
    read: { reasoning: "Which city?", calls: [weather] },
  },
  {
    what: "Gemma 4: its own notation",
    style: "gemma4",
    answer: '<|channel>thought\nA city.\n<channel|><|tool_call>call:get_weather{city:<|"|>Köln<|"|>,days:2}<tool_call|>',
    read: { reasoning: "A city.", calls: [{ ...weather, arguments: '{"city":"Köln","days":2}' }] },
  },
  {
    what: "DeepSeek V3.1",
    style: "deepseek",
    answer:
      '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Köln", "days": 2}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    read: { calls: [weather, time] },
  },
  {
    what: "DeepSeek R1: thinking, then blocks of code",
    style: "deepseek-r1",
    answer:
      '<think>\nHm.\n</think>\n\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Köln", "days": 2}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    read: { reasoning: "Hm.", calls: [weather, time] },
  },
  {
    what: "Kimi K2",
    style: "kimi",
    answer:
      'I look.<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Köln", "days": 2}<|tool_call_end|><|tool_call_begin|>functions.get_time:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>',
    read: { text: "I look.", calls: [weather, time] },
  },
  {
    what: "Nemotron Nano 2: a list within a mark",
    style: "marked-list",
    answer:
      '<TOOLCALL>[{"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}, {"name": "get_time", "arguments": {}}]</TOOLCALL>',
    read: { calls: [weather, time] },
  },
  {
    what: "Functionary 3.1",
    style: "functionary",
    answer: '<function=get_weather>{"city": "Köln", "days": 2}</function><function=get_time>{}</function>',
    read: { calls: [weather, time] },
  },
  {
    what: "gpt-oss: thinking and a call",
    style: "harmony",
    answer:
      '<|channel|>analysis<|message|>Need the weather.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Köln", "days": 2}<|call|>',
    read: { reasoning: "Need the weather.", calls: [weather] },
  },
  {
    what: "gpt-oss: the receiver before the channel, after words",
    style: "harmony",
    answer:
      '<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Köln", "days": 2}',
    read: { text: "I look.", calls: [weather] },
  },
  {
    what: "gpt-oss: thinking and an answer",
    style: "harmony",
    answer: "<|channel|>analysis<|message|>Easy.<|end|><|start|>assistant<|channel|>final<|message|>It is 4 < 5.<|return|>",
    read: { reasoning: "Easy.", text: "It is 4 < 5." },
  },
];

const nothing: ReadAnswer = { text: "", reasoning: "", calls: [] };

describe("an answer", () => {
  it.each(recorded)("is read as it is meant ($what)", ({ style, answer, read }) => {
    expect(readAnswer(style, answer)).toEqual({ ...nothing, ...read });
    expect(readAnswer(style, answer, { lengths: [1] })).toEqual({ ...nothing, ...read });
    expect(readAnswer(style, answer, { lengths: [1], isTold: true })).toEqual({ ...nothing, ...read });
  });

  it("is read the same however it is cut", () => {
    const lengths = array(integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 8 });
    assert(
      property(constantFrom(...recorded), lengths, ({ style, answer, read }, cut) => {
        expect(readAnswer(style, answer, { lengths: cut })).toEqual({ ...nothing, ...read });
      }),
    );
  });

  it.each([
    '<tool_call>\n{"name": "nobody_knows", "arguments": {}}\n</tool_call>',
    '<tool_call>\n{"name": "get_time", "arguments": {"a": }}\n</tool_call>',
    "<tool_call>get_time</tool_call>",
    '<tool_call>{"name": "get_time", "arguments": [1]}</tool_call> and more',
    '<tool_call>{"name": "get_ti',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Kö',
    '{"name": "Alice", "age": 7}',
    "[1, 2, 3]",
    "{}",
    "Use <tool_call> to call, and </tool_call> after it.",
    "```json\n[true]\n```",
    " \n ",
  ])("is text to its last character where it only looks like a call (%j)", (answer) => {
    for (const style of ["generic", "hermes", "llama"] as const) {
      expect(readAnswer(style, answer)).toEqual({ ...nothing, text: answer });
      expect(readAnswer(style, answer, { lengths: [1] })).toEqual({ ...nothing, text: answer });
    }
  });

  it("loses no character of whatever is written, and is read the same however it is cut", () => {
    const fragments = recorded.flatMap(({ answer }) => answer.match(/<[^<>\n]+>|\[[A-Z_]+\]|"[^"]*"|```\w*|\s+|./gu) ?? []);
    const style = constantFrom(...recorded.map((each) => each.style));
    const answers = array(constantFrom(...fragments, "get_weather", '{"name": "get_time", "arguments": {'), { maxLength: 30 });
    const lengths = array(integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    assert(
      property(style, answers, lengths, (name, parts, cut) => {
        const answer = parts.join("");
        const whole = readAnswer(name, answer);
        expect(readAnswer(name, answer, { lengths: cut })).toEqual(whole);
        const marks = /think|THINK|channel|<\|start|<\|end|<\|call|<\|return/.test(answer);
        if (whole.calls.length === 0 && !marks) expect(whole.text).toBe(answer);
      }),
      { numRuns: 2000 },
    );
  });

  it("holds back no more than a mark of text that is none", () => {
    for (const style of ["hermes", "llama", "mistral", "deepseek"] as const)
      expect(readAnswer(style, "a < b [c] {d}", { lengths: [3] }).text).toBe("a < b [c] {d}");
  });
});
