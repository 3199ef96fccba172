import { describe, expect, it } from "vitest";
import { fateOf, fieldPaths } from "../../../core/fields.ts";
import { textOf, outlineOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { splitEverywhere } from "../../../testing/split-frames.ts";
import { openaiDialect } from "./dialect.ts";
import { quirkRows, type OpenAIKind } from "./quirk-rows.ts";

const kinds = Object.keys(quirkRows) as OpenAIKind[];
const asked = { provider: "upstream", model: "there", isCallersKey: false };
const request = userRequest("Hello", { model: "there" });

const stream = [
  `{"id":"1","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
  `{"id":"1","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"Grüß "},"finish_reason":null}]}`,
  `{"id":"1","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"dich 😀"},"finish_reason":null}]}`,
  `{"id":"1","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
  `{"id":"1","object":"chat.completion.chunk","created":1,"model":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`,
  "[DONE]",
].map((data) => `data: ${data}\n\n`);

describe.each(kinds)("OpenAI's dialect for %s", (kind) => {
  const dialect = openaiDialect({ kind, quirks: {} });

  it("says of every field of the contract what becomes of it", () => {
    expect(fieldPaths().filter((path) => fateOf(dialect.fields, path) === undefined)).toEqual([]);
  });

  it("asks for a plain text, whole and as a stream", () => {
    const whole = dialect.chat(request, { isStream: false });
    expect(whole).toMatchObject({ method: "POST", path: "/chat/completions" });
    expect(whole.body).toEqual({ model: "there", messages: [{ role: "user", content: "Hello" }] });
    const streamed = dialect.chat(request, { isStream: true });
    expect(streamed.body).toEqual({ ...whole.body, stream: true, stream_options: { include_usage: true } });
  });

  it("reads a stream, however its bytes are cut", () => {
    const events = splitEverywhere(stream.join(""), dialect.framing, () => dialect.reader(request, asked));
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(textOf(events)).toBe("Grüß dich 😀");
  });

  it("reads an answer that came whole", () => {
    const body = {
      choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "length", logprobs: null }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
    };
    const events = dialect.whole(body, request, asked);
    expect(outlineOf(events)).toEqual(["started", "text", "finished", "completed"]);
    expect(textOf(events)).toBe("Hi");
  });
});
