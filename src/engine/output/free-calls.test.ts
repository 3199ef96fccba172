import { describe, expect, it } from "vitest";

import { allows, planOf, pushed } from "../../testing/planned-output.ts";
import { joined, recordedTools } from "../../testing/read-answer.ts";
import type { EngineTool } from "../protocol/prompt.ts";

const [weather, time] = recordedTools as [EngineTool, EngineTool];
describe("an answer in which tools may be called", () => {
  it("is free until a call has begun, whose arguments are then JSON", () => {
    const plan = planOf({});
    const output = plan.begin();
    expect(plan.grammarFields).toEqual(["tools"]);
    pushed(output, "I look.\n", '<tool_call>\n{"name": "get_wea', 'ther", "arguments"');
    expect(output.grammar).toBeUndefined();
    pushed(output, ': {"');
    expect(allows(output, 'town": [1, {"a": null}]}}')).toBe(true);
    expect(allows(output, "town: 1}}")).toBe(false);
    pushed(output, 'town": 1}}');
    expect(output.grammar).toBeUndefined();
  });

  it("holds the arguments of a strict tool to their schema", () => {
    const plan = planOf({ conversation: { tools: [time, { ...weather, strict: true }] } });
    const output = plan.begin();
    expect(plan.grammarFields).toEqual(["tools[1].function.strict"]);
    pushed(output, '<tool_call>\n{"name": "get_weather", "arguments": {"ci');
    expect(allows(output, 'ty":"Rome"}\n}')).toBe(true);
    expect(allows(output, 'rcle": 1}}')).toBe(false);
  });

  it("takes for text what a strict tool does not take", () => {
    const plan = planOf({ conversation: { tools: [{ ...weather, strict: true }] } });
    const call = '<tool_call>\n{"name": "get_weather", "arguments": {"town":"Rome"}}\n</tool_call>';
    const output = plan.begin();
    expect(joined([...pushed(output, call), ...output.end()])).toEqual({ text: call, reasoning: "", calls: [] });
    const fitting = plan.begin();
    expect(joined([...pushed(fitting, call.replace("town", "city")), ...fitting.end()]).calls).toHaveLength(1);
  });

  it("goes without a grammar where that is asked for besides what no grammar goes with: a call is told when it is complete", () => {
    const plan = planOf({ request: { topLogprobs: 1 } });
    const output = plan.begin();
    expect(plan.grammarFields).toEqual([]);
    expect(pushed(output, '<tool_call>\n{"name": "get_weather", "arguments": {"town"')).toEqual([]);
    expect(output.grammar).toBeUndefined();
    expect(joined(pushed(output, ': "Rome"}}')).calls).toEqual([{ name: "get_weather", arguments: '{"town": "Rome"}' }]);
  });

  it("finds no calls where none are to be made", () => {
    const plan = planOf({ style: "generic", conversation: { toolChoice: { mode: "none", names: [] } } });
    const call = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>';
    expect(plan.grammarFields).toEqual([]);
    expect(joined(pushed(plan.begin(), call)).text).toBe(call);
  });

  it("finds calls of the allowed subset alone", () => {
    const output = planOf({ conversation: { toolChoice: { mode: "auto", names: ["get_time"] } } }).begin();
    const call = '<tool_call>\n{"name": "get_weather", "arguments": {}}\n</tool_call>';
    expect(joined([...pushed(output, call), ...output.end()]).text).toBe(call);
  });

  it("is complete with one call when several are not wanted", () => {
    const output = planOf({ conversation: { parallelToolCalls: false } }).begin();
    pushed(output, 'Now:\n<tool_call>\n{"name": "get_time", "arguments": {}}');
    expect(output.isComplete).toBe(true);
  });
});
