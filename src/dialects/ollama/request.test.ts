import { readFileSync } from "node:fs";
import { fromJson, toJson, type JsonValue } from "@bufbuild/protobuf";
import { anything, assert, constantFrom, dictionary, property } from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldOf, invalidField, reasonOf } from "../../core/reasons.ts";
import { thrownBy } from "../../testing/thrown-by.ts";
import { errorLine, errorToOllama } from "./errors.ts";
import { chatRequestFromOllama, generateRequestFromOllama } from "./request.ts";
import { ollamaDialect } from "./upstream/dialect.ts";

interface Golden {
  readonly name: string;
  readonly request: JsonValue;
  readonly ollama: { readonly body?: Readonly<Record<string, unknown>>; readonly path?: string };
}

const golden = JSON.parse(readFileSync(new URL("../testdata/upstream-requests.json", import.meta.url), "utf8")) as readonly Golden[];
const asked = golden.flatMap(({ name, ollama: { body, path } }) => (body === undefined ? [] : [{ name, body, path }]));
const dialect = ollamaDialect({ kind: "ollama", quirks: {} });
const least = { model: "m", messages: [{ role: "user", content: "x" }] };
const read = (more: object) => chatRequestFromOllama({ ...least, ...more });
const written = (body: object) => JSON.parse(JSON.stringify(body)) as unknown;

describe("a request of an Ollama client", () => {
  it.each(asked)("with $name, as we ask it ourselves, is read as what leads to it", ({ body, path }) => {
    const { request } = (path === "/api/generate" ? generateRequestFromOllama : chatRequestFromOllama)(body);
    expect(written(dialect.chat(request, { isStream: body["stream"] === true }).body!)).toEqual(body);
  });

  it("with everything that both formats have comes back from its way there", () => {
    const given = fromJson(ChatRequestSchema, {
      model: "m",
      maxTokens: 100,
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: { text: "Be brief." } }] },
        { role: "ROLE_USER", parts: [{ text: { text: "what is it?" } }, { image: { data: "iVBORw0KGgo=" } }] },
        {
          role: "ROLE_ASSISTANT",
          parts: [
            { reasoning: { text: "hm" } },
            { text: { text: "I look." } },
            { toolCall: { id: "1", name: "look", arguments: '{"at":"it"}' } },
            { toolCall: { id: "2", name: "look", arguments: "{}" } },
          ],
        },
        { role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "1", content: [{ text: { text: "a cat" } }] } }] },
        { role: "ROLE_TOOL", parts: [{ toolResult: { toolCallId: "2", content: [{ text: { text: "a dog" } }] } }] },
        { role: "ROLE_USER", parts: [{ text: { text: "go on" } }] },
      ],
      tools: [{ function: { name: "look", description: "looks", parameters: '{"type":"object"}' } }],
      reasoning: { effort: "REASONING_EFFORT_HIGH" },
      sampling: {
        temperature: 1.5,
        topP: 0.95,
        topK: 40,
        minP: 0.1,
        seed: "7",
        presencePenalty: 0.5,
        frequencyPenalty: -0.5,
        repeatPenalty: 1.1,
        repeatLastN: 32,
      },
      stop: ["END", "\n"],
      topLogprobs: 2,
      responseFormat: { jsonSchema: { name: "answer", schema: '{"type":"object"}' } },
      providerOptions: { ollama: { num_ctx: 4096, keep_alive: "5m", typical_p: 0.5 } },
    });
    expect(chatRequestFromOllama(dialect.chat(given, { isStream: false }).body)).toMatchObject({ request: given, stream: false });
  });

  it("is a stream unless it says otherwise, and has null for what is absent", () => {
    expect(read({}).stream).toBe(true);
    const nulls = { stream: null, tools: null, format: null, options: null, think: null, keep_alive: null, logprobs: null };
    expect(read(nulls)).toEqual(read({}));
  });

  it("says which call a result answers: by id, by the function's name, or by its place", () => {
    const called = (name: string, id?: string) => ({ id, function: { name, arguments: {} } });
    const messages = [
      { role: "assistant", content: "", tool_calls: [called("f", "own"), called("g"), called("f"), called("h")] },
      { role: "tool", content: "1", tool_name: "g" },
      { role: "tool", content: "2", tool_call_id: "own" },
      { role: "tool", content: "3" },
      { role: "tool", content: "4", tool_name: "h" },
    ];
    const ids = read({ messages }).request.messages.flatMap(({ parts }) =>
      parts.map(({ part }) => (part.case === "toolResult" ? part.value.toolCallId : part.case === "toolCall" && part.value.id)),
    );
    expect(ids).toEqual(["own", "call_0_1", "call_0_2", "call_0_3", "call_0_1", "own", "call_0_2", "call_0_3"]);
  });

  it("for a text is a conversation of one question, or a prompt as it is", () => {
    const asks = (more: object) => toJson(ChatRequestSchema, generateRequestFromOllama({ model: "m", prompt: "why?", ...more }).request);
    expect(asks({ system: "Be brief.", template: "", context: [], images: ["AQ=="] })).toMatchObject({
      messages: [{ role: "ROLE_SYSTEM" }, { role: "ROLE_USER", parts: [{ text: { text: "why?" } }, { image: { data: "AQ==" } }] }],
    });
    expect(asks({ raw: true, options: { num_predict: -1, seed: -1, repeat_last_n: -1, num_gpu: 1, mirostat: 0 } })).toEqual({
      model: "m",
      rawPrompt: { text: "why?" },
      sampling: { repeatLastN: 2147483647 },
    });
    expect(asks({ suffix: "end" })).toEqual({ model: "m", rawPrompt: { text: "why?", suffix: "end" } });
    const refused = [{ template: "x" }, { context: [1] }, { suffix: "x", system: "y" }, { raw: true, images: ["AQ=="] }];
    for (const odd of refused) expect(reasonOf(thrownBy(() => asks(odd)))).toBe("unsupported_field");
  });

  it("that asks nothing has the model loaded, or unloaded where it is to stay for no time", () => {
    const loads = (body: object) => [
      chatRequestFromOllama({ model: "m", ...body }).load,
      generateRequestFromOllama({ model: "m", ...body }).load,
    ];
    const options = (more: object) => ({ isUnload: false, options: expect.objectContaining(more) as unknown });
    for (const [said, load] of [
      [{}, { isUnload: false, options: undefined }],
      [{ keep_alive: 0 }, { isUnload: true, options: undefined }],
      [{ keep_alive: "0s" }, { isUnload: true, options: undefined }],
      [{ keep_alive: "5m", options: { num_ctx: 512 } }, options({ keepAliveSeconds: 300, contextLength: 512 })],
      [{ keep_alive: "1h2m0.5s" }, options({ keepAliveSeconds: 3721 })],
      [{ keep_alive: -1 }, options({ keepAliveSeconds: 0 })],
      [{ keep_alive: 1e12 }, options({ keepAliveSeconds: 2_147_483 })],
    ] as const)
      expect([said, ...loads({ messages: [], prompt: "", ...said })]).toEqual([said, load, load]);
    expect(read({ keep_alive: 0 }).load).toBeUndefined();
    expect(generateRequestFromOllama({ model: "m", prompt: "", images: ["AQ=="] }).load).toBeUndefined();
  });

  it("passes a time on to servers of its own kind as it was said, or in seconds where it is made of several", () => {
    const passed = (time: unknown) => read({ keep_alive: time }).request.providerOptions;
    expect([passed("5m"), passed("1h2m0s"), passed(-1)]).toEqual(["5m", 3720, -1].map((time) => ({ ollama: { keep_alive: time } })));
  });

  it("names its model by either name", () => {
    expect(chatRequestFromOllama({ name: "m", messages: [] }).request.model).toBe("m");
    expect(fieldOf(thrownBy(() => chatRequestFromOllama({ name: 1, messages: [] })))).toBe("name");
  });

  it.each([
    ["no model", { model: undefined }, "invalid_request", "model"],
    ["a model without a name", { model: "" }, "invalid_request", "model"],
    ["a role that nobody has", { messages: [{ role: "developer", content: "x" }] }, "invalid_request", "messages[0].role"],
    ["a list of content", { messages: [{ role: "user", content: [] }] }, "invalid_request", "messages[0].content"],
    ["a picture that is no base64", { messages: [{ role: "user", images: ["?"] }] }, "invalid_request", "messages[0].images[0]"],
    ["a result of no call", { messages: [{ role: "tool", content: "x" }] }, "invalid_request", "messages[0].tool_name"],
    [
      "arguments that are a text",
      { messages: [{ role: "assistant", tool_calls: [{ function: { name: "f", arguments: "{}" } }] }] },
      "invalid_request",
      "messages[0].tool_calls[0].function.arguments",
    ],
    ["a form that nobody knows", { format: "xml" }, "invalid_request", "format"],
    ["thinking of an unknown kind", { think: "hard" }, "invalid_request", "think"],
    ["a sampler that is not here", { options: { mirostat: 2 } }, "unsupported_field", "options.mirostat"],
    ["an option of a wrong type", { options: { temperature: "1" } }, "invalid_request", "options.temperature"],
    ["alternatives without logprobs", { top_logprobs: 2 }, "invalid_request", "top_logprobs"],
    ["a time of a wrong type", { keep_alive: {} }, "invalid_request", "keep_alive"],
    ["a time that is none", { keep_alive: "5 minutes" }, "invalid_request", "keep_alive"],
  ])("with %s is refused, naming the field", (...[, more, reason, field]) => {
    const error = thrownBy(() => read(more));
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
  });

  it("whatever it is, is read or refused, and nothing else is thrown", () => {
    const keys = constantFrom(
      "model",
      "messages",
      "tools",
      "options",
      "format",
      "think",
      "keep_alive",
      "stream",
      "logprobs",
      "prompt",
      "raw",
    );
    const check = (body: unknown) =>
      [chatRequestFromOllama, generateRequestFromOllama].every((readBody) => {
        try {
          return readBody(body) !== undefined;
        } catch (error) {
          return error instanceof ConnectError;
        }
      });
    assert(property(anything(), check));
    assert(property(dictionary(keys, anything()), (body) => check({ ...least, ...body })));
  });
});

describe("an error of an Ollama client's request", () => {
  it.each([
    ["sampling.top_k", "options.top_k"],
    ["max_tokens", "options.num_predict"],
    ["stop[1]", "options.stop[1]"],
    ["response_format.json_schema.schema", "format"],
    ["reasoning.effort", "think"],
    ["messages[1].parts[0].image", "messages[1]"],
    ["provider_options.ollama.num_ctx", "options.num_ctx"],
    ["messages[0].images[0]", "messages[0].images[0]"],
  ])("about %s names %s", (field, name) => {
    const error = errorToOllama(invalidField(field, "is wrong"));
    expect(error).toEqual({ error: `${name}: is wrong` });
    expect(errorLine(error)).toBe(`{"error":"${name}: is wrong"}\n`);
  });
});

describe("options that change no answer", () => {
  it("are read, and refused by name where they are of another type", () => {
    const wrong = { num_thread: "x", num_gpu: {}, use_mmap: 7, num_batch: [], num_keep: 1.5, numa: "yes", main_gpu: true };
    for (const [name, value] of Object.entries(wrong)) {
      const error = thrownBy(() => read({ options: { [name]: value } }));
      expect([name, reasonOf(error), fieldOf(error)]).toEqual([name, "invalid_request", `options.${name}`]);
    }
    expect(read({ options: { num_thread: 4, use_mmap: true, num_gpu: null } }).request).toEqual(read({}).request);
  });

  it("are none and no limit below what counts: top_k and num_predict", () => {
    const { request } = read({ options: { top_k: -1, num_predict: 0 } });
    expect([request.sampling?.topK, request.maxTokens]).toEqual([0, undefined]);
    expect(fieldOf(thrownBy(() => read({ top_logprobs: -1 })))).toBe("top_logprobs");
  });
});
