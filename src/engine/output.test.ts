import { describe, expect, it } from "vitest";
import { reasonOf } from "../core/reasons.ts";
import { allows, planOf, pushed, thrown } from "../testing/planned-output.ts";
import { joined, recordedTools } from "../testing/read-answer.ts";
import type { StyleName } from "./output/styles.ts";
import type { EngineTool } from "./protocol/prompt.ts";

const [weather, time] = recordedTools as [EngineTool, EngineTool];
const required = { mode: "required", names: [] } as const;

describe("an answer in which a tool must be called", () => {
  const plan = planOf({ conversation: { toolChoice: required } });

  it("is held to calls from its first token on", () => {
    const output = plan.begin();
    expect(plan.grammarFields).toEqual(["tool_choice"]);
    const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city":"Rome"}}\n</tool_call>';
    expect(allows(output, call)).toBe(true);
    expect(allows(output, `${call}\n${call}`)).toBe(true);
    expect(allows(output, `Well: ${call}`)).toBe(false);
    expect(allows(output, call.replace("city", "town"))).toBe(false);
    expect(allows(output, call.replace("get_weather", "get_wether"))).toBe(false);
    expect(allows(output, "")).toBe(false);
  });

  it("tells the call as it is written: first its name alone, then its arguments", () => {
    const output = plan.begin();
    expect(pushed(output, "<tool_call>\n{", '"name": "get_weather", "arguments": ')).toEqual([]);
    expect(pushed(output, "{", '"city":', '"Rome"}')).toEqual([
      { type: "tool-call", index: 0, id: expect.stringMatching(/^call_[A-Za-z0-9]{24}$/), name: "get_weather", arguments: "" },
      { type: "tool-call", index: 0, arguments: "{" },
      { type: "tool-call", index: 0, arguments: '"city":' },
      { type: "tool-call", index: 0, arguments: '"Rome"}' },
    ]);
    expect(pushed(output, "}", "\n</tool_call>")).toEqual([]);
    expect(output).toMatchObject({ hasCalls: true, isComplete: false });
  });

  it("is one call when several are not wanted, and is complete with it", () => {
    const output = planOf({ conversation: { toolChoice: required, parallelToolCalls: false } }).begin();
    const call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>';
    expect(allows(output, call)).toBe(true);
    expect(allows(output, `${call}\n${call}`)).toBe(false);
    pushed(output, call);
    expect(output.isComplete).toBe(true);
  });

  it("is one call of a function that is named, unless several are asked for", () => {
    const call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>';
    const named = { toolChoice: { mode: "required", names: ["get_time"] } } as const;
    expect(allows(planOf({ conversation: named }).begin(), `${call}\n${call}`)).toBe(false);
    expect(allows(planOf({ conversation: { ...named, parallelToolCalls: true } }).begin(), `${call}\n${call}`)).toBe(true);
  });

  it("calls only what is allowed", () => {
    const output = planOf({ conversation: { toolChoice: { mode: "required", names: ["get_time"] } } }).begin();
    expect(allows(output, '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>')).toBe(true);
    expect(allows(output, '<tool_call>\n{"name": "get_weather", "arguments": {"city":"Rome"}}\n</tool_call>')).toBe(false);
  });

  it("has what was told of a call that is cut off, and nothing else", () => {
    const output = plan.begin();
    const pieces = pushed(output, '<tool_call>\n{"name": "get_weather", "arguments": {"city":"Ro');
    expect(joined([...pieces, ...output.end()])).toEqual({
      text: "",
      reasoning: "",
      calls: [{ name: "get_weather", arguments: '{"city":"Ro' }],
    });
    const early = plan.begin();
    expect([...pushed(early, '<tool_call>\n{"na'), ...early.end()]).toEqual([]);
  });

  it.each<[StyleName, string]>([
    ["llama", '{"name": "get_time", "parameters": {}}'],
    ["mistral-list", '[TOOL_CALLS][{"name": "get_time", "arguments": {}}, {"name": "get_time", "arguments": {}}]'],
    ["mistral", "[TOOL_CALLS]get_time[ARGS]{}[TOOL_CALLS]get_time[ARGS]{}"],
    ["deepseek", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_time<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"],
    [
      "deepseek-r1",
      "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_time\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ],
    ["gemma4", "<|tool_call>call:get_time{}<tool_call|>"],
    [
      "kimi",
      "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_time:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
    ],
    ["marked-list", '<TOOLCALL>[{"name": "get_time", "arguments": {}}, {"name": "get_time", "arguments": {}}]</TOOLCALL>'],
    ["functionary", "<function=get_time>{}</function><function=get_time>{}</function>"],
    ["harmony", "<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>{}"],
    ["xml", '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'],
    ["generic", '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'],
  ])("is in the form of its family (%s), and what is forced is read as calls", (style, text) => {
    const output = planOf({ style, conversation: { toolChoice: required } }).begin();
    expect(allows(output, text)).toBe(true);
    const read = joined([...pushed(output, ...Array.from(text)), ...output.end()]);
    expect(read.text).toBe("");
    expect(read.calls.length).toBeGreaterThan(0);
    for (const call of read.calls) expect(call).toEqual({ name: "get_time", arguments: "{}" });
  });

  it("has ids of nine letters and digits where the template takes no others", () => {
    const output = planOf({ style: "mistral-list", conversation: { toolChoice: required } }).begin();
    const [first] = pushed(output, '[TOOL_CALLS][{"name": "get_time", "arguments": {');
    expect(first).toMatchObject({ id: expect.stringMatching(/^[A-Za-z0-9]{9}$/) });
  });

  it("thinks first where the model may, and is held from the end of its thinking on", () => {
    const output = plan.begin();
    const call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>';
    expect(allows(output, `<think>whatever it ${call} thinks`)).toBe(true);
    pushed(output, "<think>");
    expect(output).toMatchObject({ grammar: undefined, isReasoning: true });
    pushed(output, "Hm.", "</think>");
    expect(allows(output, `\n\n${call}`)).toBe(true);
    expect(allows(output, `<think>${call}`)).toBe(false);
    pushed(output, "\n\n");
    expect(joined([...pushed(output, call), ...output.end()]).calls).toHaveLength(1);
  });

  it("is held to what is left when the end of thinking and the first of the call come in one token", () => {
    const output = planOf({ conversation: { toolChoice: required }, isThinking: true }).begin();
    expect(output.grammar).toBeUndefined();
    pushed(output, "Hm.</think>\n<tool");
    expect(allows(output, '_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>')).toBe(true);
  });

  it("drops what comes in one token with the end of thinking and is no call", () => {
    const output = planOf({ conversation: { toolChoice: required }, isThinking: true }).begin();
    const call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>';
    const before = pushed(output, "Hm.</think> So");
    expect(allows(output, call)).toBe(true);
    expect(joined([...before, ...pushed(output, call)])).toEqual({
      text: "",
      reasoning: "Hm.",
      calls: [{ name: "get_time", arguments: "{}" }],
    });
  });

  it("does not think again where its prompt has ended thinking", () => {
    const output = planOf({ conversation: { toolChoice: required }, text: "<think>\n\n</think>\n\n" }).begin();
    expect(allows(output, "<think>x")).toBe(false);
  });

  it("is refused when arguments cannot be held to their schema, by its field", () => {
    const parameters = '{"type":"object","properties":{"a":{"type":"string","pattern":"(?=x)y"}}}';
    const asked = { tools: [time, { ...weather, parameters }], toolChoice: required };
    const error = thrown(() => planOf({ conversation: asked }));
    expect(reasonOf(error)).toMatch(/^(unsupported_field|invalid_request)$/);
    expect(String(error)).toContain("tools[1].function.parameters");
    expect(String(error)).toContain("pattern");
    const list = thrown(() => planOf({ conversation: { tools: [{ ...time, parameters: '{"type":"array"}' }], toolChoice: required } }));
    expect(String(list)).toContain("tools[0].function.parameters");
  });

  it("has one rule for what the arguments of many functions have in common, and room for all of them", () => {
    const parameters = (index: number) =>
      JSON.stringify({
        type: "object",
        properties: { path: { type: "string" }, [`"t0-1" ${index}`]: { type: "array", items: { type: "string" } } },
      });
    const tools = Array.from({ length: 128 }, (_, index) => ({ ...time, name: `f${index}`, parameters: parameters(index) }));
    const output = planOf({ conversation: { tools, toolChoice: required } }).begin();
    expect(output.grammar?.length).toBeLessThan(40_000);
    const call = (index: number) => `<tool_call>\n{"name": "f7", "arguments": {"path":"a","\\"t0-1\\" ${index}":["b"]}}\n</tool_call>`;
    expect(allows(output, call(7))).toBe(true);
    expect(allows(output, call(8))).toBe(false);
  });
});
