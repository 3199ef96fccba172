import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role, type PartSchema } from "../../../gen/parley/v1/messages_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { maxToldDepth } from "./json-text.ts";
import { engineMessages } from "./messages.ts";
import { enginePrompt } from "./request.ts";

type Part = NonNullable<MessageInitShape<typeof PartSchema>["part"]>;
const { SYSTEM, DEVELOPER, USER, ASSISTANT, TOOL } = Role;
const text = (value: string): Part => ({ case: "text", value: { text: value } });
const call = (id: string, args = "{}", name = "f"): Part => ({ case: "toolCall", value: { id, name, arguments: args } });
const result = (toolCallId: string, value: string, isError = false): Part => ({
  case: "toolResult",
  value: { toolCallId, content: [{ part: text(value) }], isError },
});
const said = (...turns: readonly (readonly [role: Role, ...parts: Part[]])[]) =>
  turns.map(([role, ...parts]) => create(MessageSchema, { role, parts: parts.map((part) => ({ part })) }));
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return [reasonOf(error), fieldOf(error as never)];
  }
  return undefined;
};

describe("a conversation for the engine", () => {
  it("has a turn a message, developer as system, parts of a text as one", () => {
    expect(
      engineMessages(
        said(
          [DEVELOPER, text("a"), text("b")],
          [SYSTEM, text("c")],
          [USER],
          [ASSISTANT, text("d"), { case: "refusal", value: { text: "no" } }],
        ),
      ),
    ).toEqual([
      { role: "system", text: "ab" },
      { role: "system", text: "c" },
      { role: "user", text: "" },
      { role: "assistant", text: "dno" },
    ]);
  });

  it("has nothing of thinking that is hidden: it was another model's", () => {
    const hidden = { case: "reasoning" as const, value: { redactedData: Uint8Array.of(1) } };
    expect(engineMessages(said([USER, text("go")], [ASSISTANT, hidden, text("ok")], [ASSISTANT, hidden]))).toEqual([
      { role: "user", text: "go" },
      { role: "assistant", text: "ok" },
      { role: "assistant", text: "" },
    ]);
  });

  it("has thinking and calls of the assistant's in one turn, and each result in a turn of its own", () => {
    const messages = said(
      [USER, text("go")],
      [ASSISTANT, { case: "reasoning", value: { text: "hm" } }, text("ok"), call("1", '{"a":1}'), call("2", " ", "g")],
      [TOOL, result("2", "two"), result("1", "one", true)],
      [USER, text("and?")],
    );
    expect(engineMessages(messages)).toEqual([
      { role: "user", text: "go" },
      {
        role: "assistant",
        text: "ok",
        reasoning: "hm",
        toolCalls: [
          { id: "1", name: "f", arguments: '{"a":1}' },
          { id: "2", name: "g", arguments: "{}" },
        ],
      },
      { role: "tool", text: "two", name: "g", toolCallId: "2" },
      { role: "tool", text: "Error: one", name: "f", toolCallId: "1", index: 2 },
      { role: "user", text: "and?", index: 3 },
    ]);
  });

  it("has results among a user's words in their order, as Anthropic's clients send them", () => {
    const messages = said([ASSISTANT, call("1"), call("2")], [USER, result("1", "one"), text("then "), text("this"), result("2", "two")]);
    expect(engineMessages(messages).slice(1)).toEqual([
      { role: "tool", text: "one", name: "f", toolCallId: "1" },
      { role: "user", text: "then this", index: 1 },
      { role: "tool", text: "two", name: "f", toolCallId: "2", index: 1 },
    ]);
  });

  it("may use an id again when its call has been answered", () => {
    expect(
      engineMessages(said([ASSISTANT, call("1")], [TOOL, result("1", "a")], [ASSISTANT, call("1")], [TOOL, result("1", "b")])),
    ).toHaveLength(4);
  });

  it.each([
    ["a result without a call", said([USER, text("a")], [TOOL, result("1", "x")]), "messages[1].parts[0].tool_result.tool_call_id"],
    [
      "a second result",
      said([ASSISTANT, call("1")], [TOOL, result("1", "x"), result("1", "y")]),
      "messages[1].parts[1].tool_result.tool_call_id",
    ],
    ["a result before its call", said([USER, result("1", "x")], [ASSISTANT, call("1")]), "messages[0].parts[0].tool_result.tool_call_id"],
    ["two open calls of one id", said([ASSISTANT, call("1"), call("1")]), "messages[0].parts[1].tool_call.id"],
    ["a call without id", said([ASSISTANT, text("a"), call("")]), "messages[0].parts[1].tool_call.id"],
    ["arguments that are no JSON", said([ASSISTANT, call("1", "{oops")]), "messages[0].parts[0].tool_call.arguments"],
    ["arguments that are no object", said([ASSISTANT, call("1", "[1]")]), "messages[0].parts[0].tool_call.arguments"],
    ["arguments that are null", said([ASSISTANT, call("1", "null")]), "messages[0].parts[0].tool_call.arguments"],
    ["arguments without end", said([ASSISTANT, call("1", '{"a":'.repeat(100_000))]), "messages[0].parts[0].tool_call.arguments"],
    [
      "arguments that are too deep",
      said([ASSISTANT, call("1", `{"a":${"[".repeat(maxToldDepth)}${"]".repeat(maxToldDepth)}}`)]),
      "messages[0].parts[0].tool_call.arguments",
    ],
    ["a call of the user's", said([USER, call("1")]), "messages[0].parts[0].tool_call"],
    ["a result of the assistant's", said([ASSISTANT, call("1")], [ASSISTANT, result("1", "x")]), "messages[1].parts[0].tool_result"],
    ["thinking of the user's", said([USER, { case: "reasoning", value: { text: "hm" } }]), "messages[0].parts[0].reasoning"],
    ["words of a tool's beside its result", said([ASSISTANT, call("1")], [TOOL, text("x")]), "messages[1].parts[0].text"],
    [
      "a call in a result",
      said([ASSISTANT, call("1")], [TOOL, { case: "toolResult", value: { toolCallId: "1", content: [{ part: call("2") }] } }]),
      "messages[1].parts[0].tool_result.content[0].tool_call",
    ],
    ["a tool without results", said([TOOL]), "messages[0].parts"],
    ["a role that nobody knows", said([99 as Role, text("x")]), "messages[0].role"],
    ["a part of no kind", said([USER, { case: undefined }]), "messages[0].parts[0].part"],
  ])("is refused, naming the part: %s", (_name, messages, field) => {
    expect(refusal(() => engineMessages(messages))).toEqual(["invalid_request", field]);
  });

  it("may be as deep as is told, brackets in texts not counted", () => {
    const deep = `{"a":${"[".repeat(maxToldDepth - 1)}"[{\\"[${"]".repeat(20)}"${"]".repeat(maxToldDepth - 1)}}`;
    expect(engineMessages(said([ASSISTANT, call("1", deep)]))[0]?.toolCalls?.[0]?.arguments).toBe(deep);
  });

  it("keeps names, and takes for a tool's only that of its function", () => {
    const named = (role: Role, name: string) => ({ ...said([role, role === TOOL ? result("1", "x") : text("x")])[0]!, name });
    expect(engineMessages([named(USER, "ann")])[0]).toEqual({ role: "user", text: "x", name: "ann" });
    const calls = said([ASSISTANT, call("1")]);
    expect(engineMessages([...calls, named(TOOL, "f")])[1]).toMatchObject({ name: "f" });
    expect(refusal(() => engineMessages([...calls, named(TOOL, "g")]))).toEqual(["invalid_request", "messages[1].name"]);
  });
});

describe("tools and templates", () => {
  it("have parameters that are a JSON object", () => {
    const withTool = (parameters: string) =>
      create(ChatRequestSchema, {
        messages: said([USER, text("x")]),
        tools: [{ tool: { case: "function", value: { name: "f", parameters } } }],
      });
    for (const parameters of ["{", "[]", "1", `{"a":${"[".repeat(70)}${"]".repeat(70)}}`])
      expect(refusal(() => enginePrompt(withTool(parameters)))).toEqual(["invalid_request", "tools[0].function.parameters"]);
    expect(enginePrompt(withTool(""))).toMatchObject({ tools: [{ name: "f", parameters: "" }] });
  });

  it.each([
    ["tools", { tools: [{ tool: { case: "function", value: { name: "f" } } }] }],
    ["continue_final_message", { continueFinalMessage: true }],
    ["chat_template_options", { chatTemplateOptions: { a: 1 } }],
    ["reasoning.effort", { reasoning: { effort: 2 } }],
  ] as const)("have no place beside a prompt that is passed as it is: %s", (field, more) => {
    const request = create(ChatRequestSchema, { rawPrompt: { prompt: { case: "text", value: "a" } }, ...(more as object) });
    expect(refusal(() => enginePrompt(request))).toEqual(["invalid_request", field]);
  });
});
