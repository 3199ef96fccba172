import { readFileSync } from "node:fs";
import { toJson } from "@bufbuild/protobuf";
import { anything, assert, dictionary, constantFrom, property } from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { chatRequestFromOpenAI } from "./request.ts";

interface Golden {
  readonly accepted: readonly { readonly name: string; readonly body: unknown; readonly request: unknown }[];
  readonly refused: readonly { readonly name: string; readonly body: unknown; readonly reason: string; readonly param: string }[];
}

const golden = JSON.parse(readFileSync(new URL("../testdata/openai-requests.json", import.meta.url), "utf8")) as Golden;

describe("a chat completion request", () => {
  it.each(golden.accepted)("with $name is read", ({ body, request }) => {
    expect(toJson(ChatRequestSchema, chatRequestFromOpenAI(body).request)).toEqual(request);
  });

  it.each(golden.refused)("with $name is refused, naming the field", ({ body, reason, param }) => {
    const error = thrownBy(body);
    expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual([reason, param]);
    expect((error as ConnectError).rawMessage).toContain(param);
  });

  it("says how its answer is to be written", () => {
    const messages = [{ role: "user", content: "x" }];
    expect(chatRequestFromOpenAI({ messages })).toMatchObject({ stream: false, includeUsage: false });
    expect(chatRequestFromOpenAI({ messages, stream: true, stream_options: { include_usage: true } })).toMatchObject({
      stream: true,
      includeUsage: true,
    });
  });

  it("says that a number is out of range where the parser has made it infinite", () => {
    const body = (fields: string) => JSON.parse(`{"messages": [{"role": "user", "content": "x"}], ${fields}}`) as unknown;
    for (const [fields, field] of [
      [`"temperature": 1e999`, "temperature"],
      [`"max_tokens": -1e999`, "max_tokens"],
      [`"chat_template_kwargs": {"a": [1e999]}`, "chat_template_kwargs"],
    ] as const)
      expect(thrownBy(body(fields))).toMatchObject({ rawMessage: `${field}: is out of range: no number of 64 bits is that large` });
  });

  it("has U+FFFD for half of a surrogate pair, wherever text stands", () => {
    const half = "a\ud83d";
    const whole = "\u{1f600}";
    const called = (given: unknown) => [{ id: "c", function: { name: "f", arguments: given } }];
    const { request } = chatRequestFromOpenAI({
      model: half,
      messages: [
        { role: "user", content: half },
        { role: "user", content: [half, { type: "text", text: half + whole }] },
        { role: "assistant", reasoning_content: half, tool_calls: [...called(half), ...called({ [half]: [half] })] },
      ],
      stop: half,
      metadata: { [half]: half },
      chat_template_kwargs: { [half]: { x: [half] } },
      guided_json: half,
      prediction: { content: half },
    });
    const text = JSON.stringify(toJson(ChatRequestSchema, request));
    expect(text).not.toMatch(/\\ud83d/);
    expect(text.match(/a\ufffd/g)).toHaveLength(15);
    expect(text).toContain(whole);
  });

  it("is read or refused, whatever stands in it: never a fault of ours", () => {
    const names = [...new Set(golden.accepted.flatMap(({ body }) => Object.keys(body as object)))];
    const body = dictionary(constantFrom(...names), anything({ maxDepth: 4, withNullPrototype: true }));
    const valid = { messages: [{ role: "user", content: "x" }] };
    assert(
      property(body, (fields) => {
        for (const candidate of [fields, { ...valid, ...fields }]) {
          const error = thrownBy(candidate);
          if (error !== undefined)
            expect(["invalid_request", "unsupported_field"]).toContain(error instanceof ConnectError ? reasonOf(error) : error);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function thrownBy(body: unknown): unknown {
  try {
    chatRequestFromOpenAI(body);
    return undefined;
  } catch (error) {
    return error;
  }
}

it("who is to answer may be named; OpenRouter's wishes of that name are no name", () => {
  const messages = [{ role: "user", content: "hi" }];
  expect(chatRequestFromOpenAI({ messages, provider: "anthropic" }).request.provider).toBe("anthropic");
  for (const provider of [undefined, null, { order: ["a"] }])
    expect(chatRequestFromOpenAI({ messages, provider }).request.provider).toBe("");
  expect(() => chatRequestFromOpenAI({ messages, provider: 3 })).toThrow("provider");
});
