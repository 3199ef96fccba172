import { describe, expect, it } from "vitest";
import { ReasoningEffort, ToolChoiceMode } from "../../../../gen/parley/v1/messages_pb.ts";
import { fieldOf, reasonOf } from "../../../core/reasons.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { responseRequestFromOpenAI } from "./request.ts";

const least = { model: "m", input: "hi" };
const read = (more: object = {}) => responseRequestFromOpenAI({ ...least, ...more });

/** The reason and field that a body is refused for. */
function refusalOf(body: unknown): unknown {
  const error = thrownBy(() => responseRequestFromOpenAI(body));
  return [reasonOf(error), fieldOf(error)];
}

describe("a body of /v1/responses", () => {
  it("says what is wanted by the contract's fields", () => {
    const { request } = read({
      max_output_tokens: 9,
      temperature: 0.5,
      top_p: 0.25,
      parallel_tool_calls: false,
      tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: true, description: "d" }],
      tool_choice: { type: "function", name: "f" },
      text: { format: { type: "json_schema", name: "s", schema: { type: "object" }, strict: true }, verbosity: "medium" },
      reasoning: { effort: "high" },
      metadata: { a: "b" },
      safety_identifier: "who",
      prompt_cache_key: "key",
      store: false,
      service_tier: "flex",
    });
    expect(request).toMatchObject({
      model: "m",
      maxTokens: 9,
      sampling: { temperature: 0.5, topP: 0.25 },
      parallelToolCalls: false,
      tools: [{ tool: { case: "function", value: { name: "f", description: "d", parameters: '{"type":"object"}', strict: true } } }],
      toolChoice: { mode: ToolChoiceMode.REQUIRED, toolNames: ["f"] },
      responseFormat: { format: { case: "jsonSchema", value: { name: "s", schema: '{"type":"object"}', strict: true } } },
      reasoning: { effort: ReasoningEffort.HIGH },
      metadata: { a: "b" },
      endUserId: "who",
      promptCacheKey: "key",
      providerOptions: { openai: { store: false, service_tier: "flex", verbosity: "medium" }, openrouter: { verbosity: "medium" } },
    });
    expect(request.topLogprobs).toBeUndefined();
  });

  it("may allow some tools of many", () => {
    const tools = ["f", "g"].map((name) => ({ type: "function", name }));
    const { request } = read({ tools, tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "g" }] } });
    expect(request.toolChoice).toMatchObject({ mode: ToolChoiceMode.AUTO, toolNames: ["g"] });
  });

  it("asks for logprobs by name or by number", () => {
    const include = ["message.output_text.logprobs"];
    expect([read({ include }), read({ include, top_logprobs: 3 }), read({ top_logprobs: 2 }), read({ top_logprobs: 0 })]).toMatchObject(
      [0, 3, 2, undefined].map((topLogprobs) => ({ request: topLogprobs === undefined ? {} : { topLogprobs } })),
    );
    expect(read({ top_logprobs: 0 }).request.topLogprobs).toBeUndefined();
  });

  it("says how the answer is written", () => {
    expect(read()).toMatchObject({ isStream: false, isPadded: false, isSealWanted: false, isSummaryWanted: false });
    const body = {
      stream: true,
      stream_options: { include_obfuscation: true },
      include: ["reasoning.encrypted_content"],
      reasoning: { summary: "auto" },
    };
    expect(read(body)).toMatchObject({ isStream: true, isPadded: true, isSealWanted: true, isSummaryWanted: true });
  });

  it("is repeated in the answer, all of it", () => {
    const { told } = read({ instructions: "be\ud800 brief", temperature: 0, tools: [{ type: "function", name: "f" }], user: "u" });
    expect(told).toMatchObject({
      instructions: "be\ufffd brief",
      temperature: 0,
      top_p: null,
      tool_choice: "auto",
      parallel_tool_calls: true,
      user: "u",
      metadata: {},
      tools: [{ type: "function", name: "f", description: null, parameters: null, strict: null }],
      text: { format: { type: "text" }, verbosity: "medium" },
      reasoning: { effort: null, summary: null },
    });
  });

  it("tells upstreams that know it how long the answer is to be, as what both Agents SDKs send for gpt-5", () => {
    const { request, told } = read({ text: { verbosity: "low" }, reasoning: { effort: "none" } });
    expect(request.providerOptions).toEqual({ openai: { verbosity: "low" }, openrouter: { verbosity: "low" } });
    expect([told.text.verbosity, request.reasoning?.effort]).toEqual(["low", ReasoningEffort.NONE]);
  });

  it("may send null for what it leaves out", () => {
    const nothing = ["tools", "tool_choice", "text", "reasoning", "include", "store", "previous_response_id", "metadata", "stream"];
    expect(read(Object.fromEntries(nothing.map((name) => [name, null])))).toMatchObject({ isStream: false, request: { tools: [] } });
  });

  it.each<[string, object, string, string]>([
    ["without a model", { model: undefined }, "invalid_request", "model"],
    ["of an empty name", { model: "" }, "invalid_request", "model"],
    ["without input", { input: undefined }, "invalid_request", "input"],
    ["with an empty text", { input: "" }, "invalid_request", "input"],
    ["with no items", { input: [] }, "invalid_request", "input"],
    [
      "with the output of a call that nobody made",
      {
        input: [
          { type: "function_call", call_id: "a", name: "f", arguments: "{}" },
          { type: "function_call_output", call_id: "b", output: "x" },
        ],
      },
      "invalid_request",
      "input[1].call_id",
    ],
    ["with an item of no kind", { input: [{}] }, "invalid_request", "input[0].type"],
    ["with an item of an unknown kind", { input: [{ type: "dance" }] }, "unsupported_field", "input[0].type"],
    ["with an unknown role", { input: [{ role: "king", content: "x" }] }, "invalid_request", "input[0].role"],
    ["with a call without its id", { input: [{ type: "function_call", name: "f", arguments: "" }] }, "invalid_request", "input[0].call_id"],
    ["that refers to what was said", { input: [{ type: "item_reference", id: "msg_1" }] }, "unsupported_field", "input[0]"],
    ["that goes on from a response", { previous_response_id: "resp_1" }, "unsupported_field", "previous_response_id"],
    ["that belongs to a conversation", { conversation: "conv_1" }, "unsupported_field", "conversation"],
    ["that nobody waits for", { background: true }, "unsupported_field", "background"],
    ["that is to be kept", { store: true }, "unsupported_field", "store"],
    ["of a kept prompt", { prompt: { id: "p" } }, "unsupported_field", "prompt"],
    ["that may be cut", { truncation: "auto" }, "unsupported_field", "truncation"],
    ["with a tool that is built in", { tools: [{ type: "web_search" }] }, "unsupported_field", "tools[0].type"],
    ["with a strange choice of tools", { tool_choice: { type: "mcp", server_label: "s" } }, "unsupported_field", "tool_choice.type"],
    ["with an unknown format", { text: { format: { type: "xml" } } }, "invalid_request", "text.format.type"],
    [
      "with a schema that is none",
      { text: { format: { type: "json_schema", name: "n", schema: 7 } } },
      "invalid_request",
      "text.format.schema",
    ],
    ["of an unknown length", { text: { verbosity: "chatty" } }, "invalid_request", "text.verbosity"],
    ["with no calls of tools at most", { max_tool_calls: 0 }, "invalid_request", "max_tool_calls"],
    ["with an unknown effort", { reasoning: { effort: "huge" } }, "invalid_request", "reasoning.effort"],
    ["with a summary shorter than the thinking", { reasoning: { summary: "concise" } }, "unsupported_field", "reasoning.summary"],
    ["that includes what is unknown", { include: ["all"] }, "invalid_request", "include[0]"],
    [
      "with sealed thinking of others",
      { input: [{ type: "reasoning", encrypted_content: "gAAAA" }] },
      "invalid_request",
      "input[0].encrypted_content",
    ],
  ])("%s is refused by name", (_name, more, ...expected) => {
    expect(refusalOf({ ...least, ...more })).toEqual(expected);
  });

  it.each([[[]], ["text"], [7], [null]])("that is no object is refused: %j", (body) => {
    expect(refusalOf(body)).toEqual(["invalid_request", "body"]);
  });
});
