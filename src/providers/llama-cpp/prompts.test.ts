import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { Role, ToolChoiceMode } from "../../../gen/parley/v1/messages_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, failureOf, valuesOf } from "../../testing/collect-events.ts";
import { templates, weatherTool } from "../../testing/conversations.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider({ load: { contextLength: 1024, sequences: 2 } });
  await tiny.library.add("tiny");
  await tiny.library.add("hermes", { chatTemplate: templates.hermes });
});
afterAll(() => tiny.close());

type Ask = Exclude<MessageInitShape<typeof ChatRequestSchema>, ChatRequest>;
const ask = (model: string, more: Ask = {}) =>
  create(ChatRequestSchema, { model, messages: userRequest("hello").messages, maxTokens: 2, sampling: { temperature: 0 }, ...more });
const counted = async (chat: ChatRequest) =>
  (await only(tiny.provider.countTokens!({ $typeName: "parley.v1.CountTokensRequest", chat }, testContext(chat)))).promptTokens;
const shown = async (chat: ChatRequest) =>
  (await only(tiny.provider.renderPrompt!({ $typeName: "parley.v1.RenderPromptRequest", chat }, testContext(chat)))).prompt;
const tools: Ask["tools"] = [{ tool: { case: "function", value: { name: "weather", parameters: weatherTool.parameters } } }];
const called: Ask["messages"] = [
  { role: Role.USER, parts: [{ part: { case: "text", value: { text: "Paris?" } } }] },
  { role: Role.ASSISTANT, parts: [{ part: { case: "toolCall", value: { id: "1", name: "weather", arguments: '{"city":"Paris"}' } } }] },
  {
    role: Role.TOOL,
    parts: [{ part: { case: "toolResult", value: { toolCallId: "1", content: [{ part: { case: "text", value: { text: "sun" } } }] } } }],
  },
];

describe("the tokens of a prompt", () => {
  it.each(["tiny", "hermes"])("are counted as they are billed, with tools, calls and results: %s", async (model) => {
    const counts = new Set<number>();
    for (const more of [{}, { tools }, { tools, messages: called }, { tools, toolChoice: { mode: ToolChoiceMode.NONE } }]) {
      const chat = ask(model, more);
      const billed = valuesOf(await answerOf(tiny.provider, chat), "completed")[0]?.usage?.promptTokens;
      expect(await counted(chat)).toBe(billed);
      counts.add(billed ?? 0);
    }
    // What is not to be called is not told.
    expect(counts.size).toBe(3);
  });

  it("are those of the text that is shown", async () => {
    expect(await shown(ask("tiny"))).toBe("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
    expect(await shown(ask("hermes", { tools, messages: called }))).toContain(
      '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>',
    );
    const raw = (prompt: NonNullable<Ask["rawPrompt"]>["prompt"]) =>
      create(ChatRequestSchema, { model: "tiny", rawPrompt: { prompt: prompt! } });
    expect(await shown(raw({ case: "text", value: "ab" }))).toBe("ab");
    expect(await shown(raw({ case: "tokenIds", value: { ids: [1, 100, 101, 2] } }))).toBe("<|im_start|>ab<|im_end|>");
  });
});

describe("a chat template", () => {
  const loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = b %}{% endfor %}{% endfor %}";

  it("that loops costs its deadline and the call that made it, and no other", async () => {
    await tiny.library.add("spinning", { chatTemplate: `{% if spin %}${loop}{% endif %}${templates.chatMl}` });
    await answerOf(tiny.provider, ask("spinning"));
    const pid = tiny.pidOf("spinning");
    const error = await failureOf(answerOf(tiny.provider, ask("spinning", { chatTemplateOptions: { spin: true } })));
    expect([reasonOf(error), fieldOf(error)]).toEqual(["invalid_request", "messages"]);
    expect(error.rawMessage).toContain("was stopped");
    expect(valuesOf(await answerOf(tiny.provider, ask("spinning")), "completed")).toHaveLength(1);
    expect(tiny.pidOf("spinning")).toBe(pid);
  });

  it("that always loops or cannot be read leaves raw prompts", async () => {
    for (const [id, chatTemplate] of [
      ["endless", loop],
      ["broken", "{% for %}"],
    ] as const) {
      await tiny.library.add(id, { chatTemplate });
      const error = await failureOf(answerOf(tiny.provider, ask(id)));
      expect([reasonOf(error), error.rawMessage.includes("raw_prompt")]).toEqual(["model_state", true]);
      const raw = create(ChatRequestSchema, { model: id, maxTokens: 2, rawPrompt: { prompt: { case: "text", value: "a" } } });
      expect(valuesOf(await answerOf(tiny.provider, raw), "completed")).toHaveLength(1);
    }
  });

  it("that refuses a conversation is quoted", async () => {
    await tiny.library.add("strict", { chatTemplate: templates.strict });
    const messages: Ask["messages"] = [{ role: Role.ASSISTANT, parts: [{ part: { case: "text", value: { text: "I begin" } } }] }];
    const error = await failureOf(answerOf(tiny.provider, ask("strict", { messages: [...messages, ...(ask("x").messages as never[])] })));
    expect([reasonOf(error), error.rawMessage.includes("turns must alternate")]).toEqual(["invalid_request", true]);
  });
});
