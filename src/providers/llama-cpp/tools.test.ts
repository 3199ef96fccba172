import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { ResponseFormatSchema, ToolChoiceMode, ToolSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { answerOf, failureOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A template that opens thinking, and has words for tools of its own. */
const thinkingTemplate =
  "{% if tools %}{{ tools | tojson }}<tool_call>{% endif %}{% for message in messages %}{{ message.role }}: {{ message.content }}{{ message.tool_calls }}\n{% endfor %}" +
  "{% if add_generation_prompt %}assistant: <think>\n{% endif %}";

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider({ load: { sequences: 4, contextLength: 2048 } });
  await Promise.all([tiny.library.add("tiny", { ends: "sometimes" }), tiny.library.add("thinker", { chatTemplate: thinkingTemplate })]);
});
afterAll(() => tiny.close());

const schema = '{"type":"object","properties":{"n":{"enum":[1,2]}},"required":["n"],"additionalProperties":false}';
const tool = (name: string, parameters = schema) => create(ToolSchema, { tool: { case: "function", value: { name, parameters } } });
const required = { mode: ToolChoiceMode.REQUIRED };
const ask = (more: object) =>
  answerOf(tiny.provider, userRequest("go", { model: "tiny", maxTokens: 200, sampling: { seed: 5n }, ...more }));

/** The calls of a choice, put together. */
function callsOf(events: readonly ChatEvent[], choice = 0): { name: string; id: string; arguments: string }[] {
  const calls: { name: string; id: string; arguments: string }[] = [];
  for (const { choice: of, index, name, id, arguments: text } of valuesOf(events, "toolCall")) {
    if (of !== choice) continue;
    const call = (calls[index] ??= { name, id, arguments: "" });
    call.arguments += text;
  }
  return calls;
}
const thoughtOf = (events: readonly ChatEvent[]) =>
  valuesOf(events, "reasoning")
    .map(({ text }) => text)
    .join("");
const reasonsOf = (events: readonly ChatEvent[]) => valuesOf(events, "finished").map(({ reason }) => reason);

describe("tools of local models", () => {
  it("are called when that is required, in every choice, with arguments that fit", async () => {
    const events = await ask({ tools: [tool("one"), tool("two")], toolChoice: required, choices: 3 });
    expect(reasonsOf(events)).toEqual([FinishReason.TOOL_CALLS, FinishReason.TOOL_CALLS, FinishReason.TOOL_CALLS]);
    for (const choice of [0, 1, 2]) {
      const calls = callsOf(events, choice);
      expect(calls.length).toBeGreaterThan(0);
      for (const call of calls)
        expect([call.name, call.arguments]).toEqual([expect.stringMatching(/^(one|two)$/), expect.stringMatching(/^\{"n": ?[12]\}$/)]);
      expect(textOf(events, choice)).toBe("");
    }
    const ids = [0, 1, 2].flatMap((choice) => callsOf(events, choice).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("get arguments that fit, whatever is drawn", async () => {
    const shape = z.strictObject({
      from: z.iso.date(),
      stops: z
        .array(z.strictObject({ city: z.string().max(6), nights: z.int().min(1).max(30) }))
        .min(1)
        .max(3),
      class: z.enum(["first", "second"]).optional(),
    });
    const travel = tool("travel", JSON.stringify(z.toJSONSchema(shape)));
    const seeds = Array.from({ length: 12 }, (_, seed) => BigInt(seed));
    const sampling = { temperature: 2, topK: 0, topP: 1, minP: 0 };
    const one = { tools: [travel], toolChoice: required, parallelToolCalls: false, maxTokens: 500 };
    const answers = await Promise.all(seeds.map((seed) => ask({ ...one, sampling: { ...sampling, seed } })));
    const ended = answers.filter((events) => reasonsOf(events)[0] === FinishReason.TOOL_CALLS);
    expect(ended.length).toBeGreaterThanOrEqual(6);
    for (const events of ended) for (const call of callsOf(events)) expect(shape.parse(JSON.parse(call.arguments))).toBeDefined();
    for (const events of answers) expect(textOf(events)).toBe("");
  });

  it("are called as far as is allowed: the one that is named, once", async () => {
    const events = await ask({ tools: [tool("one"), tool("two")], toolChoice: { ...required, toolNames: ["two"] } });
    expect(callsOf(events)).toMatchObject([{ name: "two" }]);
  });

  it("are not called when none may be, and the answer is in its format", async () => {
    const responseFormat = create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "a", schema } } });
    const events = await ask({ tools: [tool("one")], toolChoice: { mode: ToolChoiceMode.NONE }, responseFormat });
    expect(callsOf(events)).toEqual([]);
    expect(textOf(events)).toMatch(/^\{"n": ?[12]\}$/);
  });

  it("may be called besides an answer in a format", async () => {
    const responseFormat = create(ResponseFormatSchema, { format: { case: "grammar", value: { gbnf: 'root ::= "yes" | "no"' } } });
    for (const seed of [1n, 2n, 3n, 4n]) {
      const events = await ask({ tools: [tool("one")], responseFormat, sampling: { seed, temperature: 2 }, parallelToolCalls: false });
      if (callsOf(events).length === 0) expect(textOf(events)).toMatch(/^(yes|no)$/);
      else expect(textOf(events)).toBe("");
    }
  });

  it("leave what was told of a call that max_tokens cuts off", async () => {
    const whole = await ask({ tools: [tool("one")], toolChoice: required, parallelToolCalls: false });
    const tokens = valuesOf(whole, "completed")[0]?.usage?.completionTokens ?? 0;
    const events = await ask({ tools: [tool("one")], toolChoice: required, parallelToolCalls: false, maxTokens: tokens - 3 });
    expect(reasonsOf(events)).toEqual([FinishReason.LENGTH]);
    expect(callsOf(events)).toMatchObject([{ name: "one", arguments: expect.stringMatching(/^\{"n/) }]);
    expect(callsOf(events)[0]?.arguments).not.toContain("}");
    expect(textOf(events)).toBe("");
  });

  it("are refused by the field of a schema that no grammar can hold, and a grammar by its own", async () => {
    const inexpressible = tool("two", '{"type":"object","properties":{"a":{"not":{"type":"string"}}}}');
    const failure = await failureOf(ask({ tools: [tool("one"), inexpressible], toolChoice: required }));
    expect(failure.rawMessage).toMatch(/^tools\[1\]\.function\.parameters: .*not/);
    const format = create(ResponseFormatSchema, { format: { case: "grammar", value: { gbnf: "root ::= (" } } });
    for (const tools of [[], [tool("one")]]) {
      const broken = await failureOf(ask({ tools, responseFormat: format }));
      expect([reasonOf(broken), broken.rawMessage]).toEqual(["invalid_request", expect.stringContaining("response_format.grammar")]);
    }
  });
});

describe("the thinking of local models", () => {
  const think = (more: object) => ask({ model: "thinker", maxTokens: 60, ...more });

  it("is told apart from the answer, and counted", async () => {
    const events = await think({ reasoning: { budgetTokens: 9 } });
    const usage = valuesOf(events, "completed")[0]?.usage;
    expect(usage?.reasoningTokens).toBe(9);
    expect(thoughtOf(events).length).toBeGreaterThan(0);
    expect(textOf(events).length).toBeGreaterThan(0);
    expect(`${thoughtOf(events)}${textOf(events)}`).not.toContain("think>");
  });

  it("is all there is of an answer that never ends it", async () => {
    const events = await think({ maxTokens: 12 });
    expect(textOf(events)).toBe("");
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ reasoningTokens: 12, completionTokens: 12 });
  });

  it("does not happen with a budget of nothing", async () => {
    const events = await think({ reasoning: { budgetTokens: 0 } });
    expect(thoughtOf(events)).toBe("");
    expect(valuesOf(events, "completed")[0]?.usage?.reasoningTokens).toBeUndefined();
    expect(textOf(events).length).toBeGreaterThan(0);
  });

  it("is not searched for stop texts", async () => {
    const thought = thoughtOf(await think({ maxTokens: 12 }));
    const stop = thought.slice(2, 4);
    const events = await think({ stop: [stop], maxTokens: 12 });
    expect(thoughtOf(events)).toBe(thought);
  });

  it("comes before the call that is required, and before an answer in a format", async () => {
    const reasoning = { budgetTokens: 5 };
    const called = await think({ tools: [tool("one")], toolChoice: required, reasoning, maxTokens: 200 });
    expect(thoughtOf(called)).not.toBe("");
    expect(callsOf(called)[0]).toMatchObject({ name: "one", arguments: expect.stringMatching(/^\{"n": ?[12]\}$/) });
    expect(textOf(called)).toBe("");
    const responseFormat = create(ResponseFormatSchema, { format: { case: "jsonSchema", value: { name: "a", schema } } });
    const formatted = await think({ responseFormat, reasoning, maxTokens: 200 });
    expect(thoughtOf(formatted)).not.toBe("");
    expect(textOf(formatted)).toMatch(/^\{"n": ?[12]\}$/);
  });
});
