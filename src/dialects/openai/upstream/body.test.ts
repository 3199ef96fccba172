import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { ChatRequestSchema } from "../../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role, type Part } from "../../../../gen/parley/v1/messages_pb.ts";
import { fieldOf } from "../../../core/reasons.ts";
import { ConnectError } from "@connectrpc/connect";
import { userRequest } from "../../../testing/sample-request.ts";
import { openaiDialect } from "./dialect.ts";
import type { OpenAIKind } from "./quirk-rows.ts";

type More = MessageInitShape<typeof ChatRequestSchema>;

function bodyOf(more: More, kind: OpenAIKind = "openai") {
  return openaiDialect({ kind, quirks: {} }).chat(userRequest("Hello", { model: "there", ...more }), { isStream: false }).body;
}

function fieldAtFault(more: More, kind?: OpenAIKind): string | undefined {
  try {
    bodyOf(more, kind);
  } catch (error) {
    if (error instanceof ConnectError) return fieldOf(error);
    throw error;
  }
  return undefined;
}

const message = (role: Role, part: Part["part"]) => create(MessageSchema, { role, parts: [{ part }] });
const image = (
  source: { case: "url"; value: string } | { case: "fileId"; value: string } | { case: "data"; value: Uint8Array<ArrayBuffer> },
) => ({ messages: [create(MessageSchema, { role: Role.USER, parts: [{ part: { case: "image", value: { source } } }] })] }) satisfies More;

describe("a body", () => {
  it("has no model where none is named, which servers of one model take", () => {
    expect(bodyOf({ model: "" })).not.toHaveProperty("model");
  });

  it("has numbers of a schema as they were written", () => {
    const parameters = '{"properties":{"id":{"const":12345678901234567890}}}';
    const body = bodyOf({ tools: [{ tool: { case: "function", value: { name: "f", parameters } } }] });
    expect(JSON.stringify(body)).toContain('"const":12345678901234567890');
  });

  it.each([
    [
      "a schema that is no JSON",
      { tools: [{ tool: { case: "function" as const, value: { name: "f", parameters: "{" } } }] },
      "tools[0].function.parameters",
    ],
    ["a seed that JSON would round", { sampling: { seed: 2n ** 60n } }, "sampling.seed"],
    ["a path of the upstream's machine", image({ case: "url", value: "file:///etc/passwd" }), "messages[0].parts[0].image.url"],
    ["an image by id", image({ case: "fileId", value: "x" }), "messages[0].parts[0].image.file_id"],
    ["bytes that do not tell what they are", image({ case: "data", value: Uint8Array.of(1) }), "messages[0].parts[0].image.mime_type"],
    [
      "a result in a system message",
      { messages: [message(Role.SYSTEM, { case: "toolResult", value: create(MessageSchema, {}) as never })] },
      "messages[0].parts[0].tool_result",
    ],
    [
      "text in a tool's message",
      { messages: [message(Role.TOOL, { case: "text", value: { $typeName: "parley.v1.Text", text: "a" } })] },
      "messages[0].parts[0].text",
    ],
    ["a tool's message without results", { messages: [create(MessageSchema, { role: Role.TOOL })] }, "messages[0].parts"],
    ["a role that nobody has", { messages: [create(MessageSchema, { role: 9 as Role })] }, "messages[0].role"],
  ])("refuses %s by its field", (_, more, field) => {
    expect(fieldAtFault(more)).toBe(field);
  });

  it.each(["tools", "reasoning", "chat_template_options"])("of a raw prompt refuses what only a template would tell: %s", (field) => {
    const said: Readonly<Record<string, More>> = {
      tools: { tools: [{ tool: { case: "function", value: { name: "f" } } }] },
      reasoning: { reasoning: { effort: 4 } },
      chat_template_options: { chatTemplateOptions: { a: 1 } },
    };
    const raw: More = { messages: [], rawPrompt: { prompt: { case: "text", value: "Once" } } };
    expect(fieldAtFault({ ...raw, ...said[field] } as More, "vllm")).toBe(field);
  });
});
