import { readFileSync } from "node:fs";
import { fromJson, toJson, type JsonValue } from "@bufbuild/protobuf";
import { anything, assert, constantFrom, dictionary, property } from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { thrownBy } from "../../testing/thrown-by.ts";
import { chatRequestFromAnthropic } from "./request.ts";
import { anthropicDialect } from "./upstream/dialect.ts";

interface Golden {
  readonly name: string;
  readonly request: JsonValue;
  readonly anthropic: { readonly body?: Readonly<Record<string, unknown>> };
}

const golden = JSON.parse(readFileSync(new URL("../testdata/upstream-requests.json", import.meta.url), "utf8")) as readonly Golden[];
const asked = golden.flatMap(({ name, request, anthropic: { body } }) => (body === undefined ? [] : [{ name, request, body }]));
const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });
const least = { model: "m", max_tokens: 5, messages: [{ role: "user", content: "x" }] };
const cached = { anthropic: { cache_control: { type: "ephemeral" } } };
const read = (more: object) => chatRequestFromAnthropic({ ...least, ...more });

/** What a way there and back cannot keep: defaults, what Anthropic has no name for, and what stands elsewhere there. */
const changed: ReadonlySet<string> = new Set([
  "instructions of both names",
  "instructions amid the conversation",
  "messages of one side that follow one another",
  "several parts and an empty one",
  "an empty message of the assistant",
  "numbers at their neutral values",
  "tools",
  "tools, of which some may be called",
  "tools, of which one must be called",
  "tools, one call at a time",
  "tools, of which none may be called, one at a time",
  "a call without arguments and an id of another maker",
  "a result with a picture",
  "a picture as bytes",
  "a picture as a data: URL",
  "a document",
  "thinking of another model",
  "thinking that comes back with its signature",
  "thinking behind the text",
  "words of a refusal",
  "an effort",
  "an effort within a limit",
  "a schema",
  "options of Anthropic's",
  "options of Ollama's",
  "an option of Ollama's that nobody knows",
  "thinking after calls that lost theirs",
]);

describe("a request for a message", () => {
  it.each(asked)("with $name, as we ask it ourselves, is read as what leads to it", ({ body }) => {
    const { request } = chatRequestFromAnthropic(body);
    expect(JSON.parse(JSON.stringify(dialect.chat(request, { isStream: body["stream"] === true }).body))).toEqual(body);
  });

  it.each(asked.filter(({ name }) => !changed.has(name)))("with $name comes back from its way there", ({ request, body }) => {
    const back = toJson(ChatRequestSchema, chatRequestFromAnthropic(body).request) as Readonly<Record<string, JsonValue>>;
    const given = request as Readonly<Record<string, JsonValue>>;
    expect({ ...back, maxTokens: given["maxTokens"] }).toEqual({ maxTokens: undefined, ...given });
  });

  it("with everything that both formats have comes back from its way there", () => {
    const given = fromJson(ChatRequestSchema, {
      model: "m",
      maxTokens: 4096,
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: { text: "Be brief." } }, { text: { text: "Be kind." }, providerOptions: cached }] },
        {
          role: "ROLE_USER",
          parts: [
            { text: { text: "what is it?" } },
            { image: { data: "iVBORw0KGgo=", mimeType: "image/png" } },
            { file: { data: "JVBERi0=", mimeType: "application/pdf", fileName: "a.pdf" } },
            { file: { data: "aMOkdXNlcg==", mimeType: "text/plain" } },
          ],
        },
        {
          role: "ROLE_ASSISTANT",
          parts: [
            { reasoning: { text: "hm", signature: "sig==" } },
            { reasoning: { redactedData: "aGlkZGVu" } },
            { text: { text: "I look." } },
            { toolCall: { id: "toolu_1", name: "look", arguments: '{"at":"it"}' } },
            { toolCall: { id: "toolu_2", name: "look", arguments: "{}" } },
          ],
        },
        { role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "toolu_1", content: [{ text: { text: "a cat" } }] } }] },
        { role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "toolu_2", isError: true } }] },
        { role: "ROLE_USER", parts: [{ text: { text: "go on" } }] },
      ],
      tools: [{ function: { name: "look", description: "looks", parameters: '{"type":"object"}', strict: true }, providerOptions: cached }],
      toolChoice: { mode: "TOOL_CHOICE_MODE_AUTO" },
      parallelToolCalls: false,
      reasoning: { budgetTokens: 2048 },
      sampling: { temperature: 1, topP: 0.95 },
      stop: ["END"],
      responseFormat: { jsonSchema: { name: "answer", schema: '{"type":"object"}' } },
      endUserId: "u",
      providerOptions: { anthropic: { service_tier: "auto" } },
    });
    expect(chatRequestFromAnthropic(dialect.chat(given, { isStream: true }).body)).toMatchObject({ request: given, stream: true });
  });

  it("names a picture that stands elsewhere by its URL, which others judge", () => {
    const content = [{ type: "image", source: { type: "url", url: "https://pictures.example/cat.png" } }];
    const parts = [{ image: { url: "https://pictures.example/cat.png" } }];
    expect(toJson(ChatRequestSchema, read({ messages: [{ role: "user", content }] }).request)).toMatchObject({ messages: [{ parts }] });
  });

  it("has null for what is absent", () => {
    const nulls = { tools: null, stop_sequences: null, system: null, thinking: null, temperature: null, metadata: null, tool_choice: null };
    expect(read(nulls).request).toEqual(read({}).request);
  });

  it("has the results of tools as messages of tools, and remembers where each message stood", () => {
    const messages = [
      { role: "user", content: "x" },
      { role: "assistant", content: [{ type: "tool_use", id: "a", name: "f", input: {} }] },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "a", content: "1" },
          { type: "text", text: "y" },
        ],
      },
    ];
    const { request, places } = read({ messages, system: [{ type: "text", text: "s" }] });
    expect(toJson(ChatRequestSchema, request)).toMatchObject({
      messages: [{ role: "ROLE_SYSTEM" }, { role: "ROLE_USER" }, { role: "ROLE_ASSISTANT" }, { role: "ROLE_TOOL" }, { role: "ROLE_USER" }],
    });
    expect(places).toEqual(["system", "messages[0]", "messages[1]", "messages[2]", "messages[2]"]);
  });

  it("is read in the newer version's words too", () => {
    const messages = [
      { role: "user", content: "x" },
      { role: "system", content: "s" },
      { role: "assistant", content: "The" },
    ];
    const { request, stream } = read({
      messages,
      thinking: { type: "adaptive" },
      output_config: { effort: "low" },
      stream: true,
      speed: "standard",
    });
    expect(stream).toBe(true);
    expect(toJson(ChatRequestSchema, request)).toMatchObject({
      messages: [{ role: "ROLE_USER" }, { role: "ROLE_SYSTEM" }, { role: "ROLE_ASSISTANT" }],
      reasoning: { effort: "REASONING_EFFORT_LOW" },
      continueFinalMessage: true,
    });
  });

  it.each([
    ["no model", { model: undefined }, "invalid_request", "model"],
    ["no limit", { max_tokens: undefined }, "invalid_request", "max_tokens"],
    ["no messages", { messages: null }, "invalid_request", "messages"],
    ["a role that nobody has", { messages: [{ role: "tool", content: "x" }] }, "invalid_request", "messages[0].role"],
    [
      "a block of a server's tool",
      { messages: [{ role: "user", content: [{ type: "search_result" }] }] },
      "unsupported_field",
      "messages[0].content[0].type",
    ],
    [
      "a picture that is no base64",
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "?" } }] }] },
      "invalid_request",
      "messages[0].content[0].source.data",
    ],
    [
      "citations",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: "x" }, citations: { enabled: true } }],
          },
        ],
      },
      "unsupported_field",
      "messages[0].content[0].citations",
    ],
    ["a tool that Anthropic runs", { tools: [{ type: "web_search_20250305", name: "web_search" }] }, "unsupported_field", "tools[0].type"],
    ["a tool without a schema", { tools: [{ name: "f" }] }, "invalid_request", "tools[0].input_schema"],
    ["a choice that nobody knows", { tool_choice: { type: "some" } }, "invalid_request", "tool_choice.type"],
    ["thinking of a kind that nobody knows", { thinking: { type: "aloud" } }, "unsupported_field", "thinking.type"],
    ["thinking that is told in nobody's way", { thinking: { type: "adaptive", display: "loud" } }, "invalid_request", "thinking.display"],
    ["a mark of caches that nobody knows", { cache_control: { type: "eternal" } }, "invalid_request", "cache_control.type"],
    ["thinking without its budget", { thinking: { type: "enabled" } }, "invalid_request", "thinking.budget_tokens"],
    ["a form that nobody knows", { output_config: { format: { type: "xml" } } }, "invalid_request", "output_config.format.type"],
    ["a conversation that is to be kept", { thread: { type: "create" } }, "unsupported_field", "thread"],
    ["a conversation that is kept elsewhere", { thread: { type: "continue", previous_message_id: "m" } }, "unsupported_field", "thread"],
    ["models that stand in", { fallbacks: "default" }, "unsupported_field", "fallbacks"],
    ["a summary instead of an answer", { compaction: {} }, "unsupported_field", "compaction"],
    [
      "a tool for a server's program alone",
      { tools: [{ name: "f", input_schema: {}, allowed_callers: ["code_execution_20260521"] }] },
      "unsupported_field",
      "tools[0].allowed_callers",
    ],
    [
      "a picture for its instructions",
      { system: [{ type: "image", source: { type: "url", url: "https://x.example" } }] },
      "invalid_request",
      "system[0].type",
    ],
    ["an empty list of messages", { messages: [], system: "s" }, "invalid_request", "messages"],
    ["a container", { container: "c" }, "unsupported_field", "container"],
    ["a speed", { speed: "fast" }, "unsupported_field", "speed"],
    ["a temperature that is a text", { temperature: "1" }, "invalid_request", "temperature"],
  ])("with %s is refused, naming the field", (...[, more, reason, field]) => {
    const error = thrownBy(() => read(more));
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
  });

  it("whatever it is, is read or refused, and nothing else is thrown", () => {
    const keys = constantFrom(
      "model",
      "max_tokens",
      "messages",
      "system",
      "tools",
      "tool_choice",
      "thinking",
      "output_config",
      "metadata",
      "stream",
    );
    const check = (body: unknown) => {
      try {
        return chatRequestFromAnthropic(body) !== undefined;
      } catch (error) {
        return error instanceof ConnectError;
      }
    };
    assert(property(anything(), check));
    assert(property(dictionary(keys, anything()), (body) => check({ ...least, ...body })));
  });
});
