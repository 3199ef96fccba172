import { describe, expect, it } from "vitest";
import { fieldOf } from "../../core/reasons.ts";
import { allows, planOf, pushed, thrown } from "../../testing/planned-output.ts";
import { joined, recordedTools } from "../../testing/read-answer.ts";

import type { EngineRequest } from "../protocol/request.ts";
const [, time] = recordedTools;
describe("an answer in a format", () => {
  const schema = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}';

  it.each<[EngineRequest["format"], string, string]>([
    [{ type: "json-schema", schema }, '{"a":1}', '{"a":"x"}'],
    [{ type: "json-object" }, '{"a":[]}', "[1]"],
    [{ type: "grammar", gbnf: 'root ::= "yes" | "no"' }, "no", "nay"],
  ])("is held to it (%j)", (format, good, bad) => {
    const plan = planOf({ conversation: { tools: [] }, request: { format } });
    const output = plan.begin();
    expect(plan.grammarFields).toEqual([`response_format.${format.type.replace("-", "_")}`]);
    expect(allows(output, good)).toBe(true);
    expect(allows(output, bad)).toBe(false);
    pushed(output, "<think>", "Hm.", "</think>");
    expect(allows(output, `\n\n${good}`)).toBe(true);
    expect(joined([...pushed(output, "\n\n", good), ...output.end()]).text).toBe(good);
  });

  it("comes in the channel of final answers from a model that has channels", () => {
    const output = planOf({ style: "harmony", conversation: { tools: [] }, request: { format: { type: "json-schema", schema } } }).begin();
    expect(allows(output, '<|channel|>final<|message|>{"a":1}')).toBe(true);
    pushed(output, "<|channel|>analysis<|message|>Hm.", "<|end|>");
    expect(allows(output, '<|start|>assistant<|channel|>final<|message|>{"a":1}')).toBe(true);
  });

  it("is either in the format or calls tools, where both are asked for", () => {
    const output = planOf({ request: { format: { type: "json-schema", schema } } }).begin();
    expect(allows(output, '{"a":1}')).toBe(true);
    expect(allows(output, '<tool_call>\n{"name": "get_time", "arguments": {"b": 1}}\n</tool_call>')).toBe(true);
    expect(allows(output, "Hello")).toBe(false);
  });

  it("is refused by its field when it is too large a grammar", () => {
    const names = Array.from({ length: 3000 }, (_, index) => `"${((index * 2654435761) >>> 0).toString(36).repeat(3)}"`);
    const tools = [{ ...time!, parameters: `{"type":"object","properties":{"a":{"enum":[${names.join(",")}]}}}` }];
    expect(fieldOf(thrown(() => planOf({ conversation: { tools, toolChoice: { mode: "required", names: [] } } })) as never)).toMatch(
      /^tools/,
    );
  });
});

describe("the thinking of an answer", () => {
  it("is told apart, also when the prompt has opened it", () => {
    const opened = planOf({ conversation: { tools: [] }, isThinking: true });
    const output = opened.begin();
    expect(output.isReasoning).toBe(true);
    expect(joined([...pushed(output, "\nHm", ". \n</th", "ink>\n\nHello"), ...output.end()])).toEqual({
      text: "Hello",
      reasoning: "Hm.",
      calls: [],
    });
    expect(opened.thinkingEnd).toBe("\n</think>\n\n");
  });

  it("is text where a message is gone on from that is past it", () => {
    const output = planOf({ conversation: { tools: [], continueFinalMessage: true } }).begin();
    expect(joined(pushed(output, "<think>x"))).toMatchObject({ text: "<think>x", reasoning: "" });
  });

  it("sees its marks where they are special tokens", () => {
    expect([...planOf({ style: "mistral", conversation: { tools: [] } }).markers]).toEqual(["[THINK]", "[/THINK]"]);
    expect(planOf({ style: "gemma4", conversation: { tools: [] } }).markers).toContain("<|channel>");
    expect(planOf({ style: "generic", conversation: { tools: [] } }).markers.size).toBe(0);
  });
});
