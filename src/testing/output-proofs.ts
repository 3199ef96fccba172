import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatRequest, ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role, ToolChoiceMode, type FunctionSchema, type ResponseFormatSchema } from "../../gen/parley/v1/messages_pb.ts";

type Ask = Exclude<MessageInitShape<typeof ChatRequestSchema>, ChatRequest>;
type Function = Exclude<MessageInitShape<typeof FunctionSchema>, { $typeName: string }>;

const hi: Ask = {
  messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: { text: "hi" } } }] }],
  maxTokens: 160,
  sampling: { temperature: 0 },
};

function object(name: string): string {
  return `{"type":"object","properties":{"${name}":{"enum":[1,2]}},"required":["${name}"],"additionalProperties":false}`;
}

function tools(...functions: readonly Function[]): Ask {
  return { ...hi, tools: functions.map((value) => ({ tool: { case: "function", value: { parameters: object("a"), ...value } } })) };
}

function required(asked: Ask, ...toolNames: readonly string[]): Ask {
  return { ...asked, toolChoice: { mode: ToolChoiceMode.REQUIRED, toolNames: [...toolNames] } };
}

function formatted(format: MessageInitShape<typeof ResponseFormatSchema>["format"]): Ask {
  return { ...hi, responseFormat: { format } as MessageInitShape<typeof ResponseFormatSchema> };
}

const one = { name: "one" };
const two = { name: "two" };

/** For each field that says what a model may write: two requests that differ in it alone, whose answers differ with a template that knows tools. */
export const outputProofs: Readonly<Record<string, { readonly with: Ask; readonly without: Ask }>> = {
  "tools.function.name": { with: required(tools(one)), without: required(tools(two)) },
  "tools.function.description": { with: tools({ ...one, description: "counts" }), without: tools(one) },
  "tools.function.parameters": { with: required(tools(one)), without: required(tools({ ...one, parameters: object("b") })) },
  "tool_choice.mode": { with: required(tools(one)), without: { ...tools(one), toolChoice: { mode: ToolChoiceMode.NONE } } },
  "tool_choice.tool_names": { with: required(tools(one, two), "one"), without: required(tools(one, two), "two") },
  "response_format.json_object": { with: formatted({ case: "jsonObject", value: {} }), without: hi },
  "response_format.json_schema.schema": {
    with: formatted({ case: "jsonSchema", value: { schema: object("a") } }),
    without: formatted({ case: "jsonSchema", value: { schema: object("b") } }),
  },
  "response_format.grammar.gbnf": {
    with: formatted({ case: "grammar", value: { gbnf: 'root ::= "yes"' } }),
    without: formatted({ case: "grammar", value: { gbnf: 'root ::= "no"' } }),
  },
};

/** Of these the engine is told: what it does with them shows in free answers, which tests of their own write token by token. */
export const outputTold: typeof outputProofs = {
  "tools.function.strict": { with: tools({ ...one, strict: true }), without: tools(one) },
  parallel_tool_calls: { with: { ...required(tools(one)), parallelToolCalls: false }, without: required(tools(one)) },
  "reasoning.budget_tokens": { with: { ...hi, reasoning: { budgetTokens: 3 } }, without: hi },
};
