import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import Anthropic from "@anthropic-ai/sdk";
import { afterEach, describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { collect } from "../../core/collect.ts";
import { accepted, chatEvent, completed, finished, reasoning, started, text, toolCall } from "../../core/events.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { framesOf, readAll } from "../../testing/split-frames.ts";
import { thrownBy } from "../../testing/thrown-by.ts";
import { errorFrame, errorToAnthropic } from "./errors.ts";
import { chatRequestFromAnthropic } from "./request.ts";
import { messageToAnthropic } from "./response.ts";
import { anthropicDialect } from "./upstream/dialect.ts";
import { MessageWriter, pingFrame } from "./writer.ts";

const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });
const asked = { provider: "p", model: "m", isCallersKey: false };
const request = userRequest("hi", { model: "m" });
const usage: Usage = {
  $typeName: "parley.v1.Usage",
  promptTokens: 100,
  completionTokens: 20,
  cachedTokens: 60,
  cacheWriteTokens: 30,
  reasoningTokens: 8,
  source: UsageSource.PROVIDER,
};
const begun = [accepted({ id: "chatcmpl-1", model: "m", createdMs: 0 }), started("p", "m")];
const signed = (signature: string) =>
  chatEvent({
    case: "reasoning",
    value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: "", signature, redactedData: new Uint8Array() },
  });
const hidden = (data: string) =>
  chatEvent({
    case: "reasoning",
    value: { $typeName: "parley.v1.ReasoningDelta", choice: 0, text: "", signature: "", redactedData: new TextEncoder().encode(data) },
  });
const refused = (words: string) => chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: 0, text: words } });

/** Answers with everything that the format can hold, and how each ends. */
const answers: Readonly<Record<string, readonly ChatEvent[]>> = {
  "a text": [text(0, "Grüß "), text(0, "dich 😀\u2028"), finished(0, FinishReason.STOP, { rawReason: "end_turn" })],
  "thinking, hidden thinking, a text and calls": [
    reasoning(0, "hm"),
    reasoning(0, " so"),
    signed("sig=="),
    reasoning(0, "more"),
    signed("sig1"),
    hidden("hidden+/="),
    reasoning(0, "again"),
    signed("sig2"),
    text(0, "I look."),
    toolCall({ choice: 0, index: 0, id: "toolu_1", name: "look", arguments: "" }),
    toolCall({ choice: 0, index: 0, arguments: '{"at":' }),
    toolCall({ choice: 0, index: 0, arguments: '"it"}' }),
    toolCall({ choice: 0, index: 1, id: "toolu_2", name: "look", arguments: "{}" }),
    finished(0, FinishReason.TOOL_CALLS, { rawReason: "tool_use" }),
  ],
  "a stop text": [text(0, "a"), finished(0, FinishReason.STOP, { rawReason: "stop_sequence", stopSequence: "END" })],
  "a limit": [text(0, "a"), finished(0, FinishReason.LENGTH, { rawReason: "max_tokens" })],
  "a refusal": [refused("No."), finished(0, FinishReason.CONTENT_FILTER, { rawReason: "refusal" })],
  nothing: [finished(0, FinishReason.STOP, { rawReason: "end_turn" })],
};

const written = (events: readonly ChatEvent[]) => {
  const writer = new MessageWriter({ promptTokens: 7 });
  const frames = events.map((event) => writer.write(event)).join("");
  return { frames, isDone: writer.isDone };
};
const whole = (name: string) => [...begun, ...(answers[name] ?? []), completed({ usage })];
async function* streamOf(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* events;
}

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

interface Served {
  readonly client: Anthropic;
  /** The body of the request. */
  readonly body: Promise<unknown>;
}

/** A server on a real socket that answers every request with the same bytes. */
async function served(bytes: string, type = "text/event-stream"): Promise<Served> {
  const { promise: body, resolve } = Promise.withResolvers<unknown>();
  const server = createServer((incoming, response) => {
    resolve(json(incoming));
    response.writeHead(200, { "content-type": type, "request-id": "req_1" }).end(bytes);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { client: new Anthropic({ apiKey: "k", baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 }), body };
}

describe("our events as Anthropic's", () => {
  it.each(Object.keys(answers))("with %s are read as the same answer", async (name) => {
    const { frames, isDone } = written(whole(name));
    expect(isDone).toBe(true);
    const back = readAll(dialect.reader(request, asked), framesOf([new TextEncoder().encode(frames)], "sse"));
    const [given, got] = await Promise.all([collect(streamOf(whole(name))), collect(streamOf(back))]);
    expect(got.choices).toEqual(given.choices);
    expect(got.usage).toEqual(given.usage);
  });

  it("tell no word of what was not counted, and correct the estimate of the beginning", () => {
    const bare: Usage = { $typeName: "parley.v1.Usage", promptTokens: 9, completionTokens: 2, source: UsageSource.PROVIDER };
    const { frames } = written([...begun, text(0, "a"), finished(0, FinishReason.STOP), completed({ usage: bare })]);
    expect(frames).toContain('"usage":{"input_tokens":7,');
    const back = readAll(dialect.reader(request, asked), framesOf([new TextEncoder().encode(frames)], "sse"));
    expect(back.at(-1)?.event.value).toMatchObject({ usage: bare });
  });

  it("tell at the beginning what is known of the prompt by then", () => {
    const known: Usage = { ...usage, completionTokens: 0 };
    const writer = new MessageWriter({ promptTokens: 7 });
    const frames = [begun[0]!, started("p", "m", known)].map((event) => writer.write(event)).join("");
    expect(frames).toContain('"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"cache_read_input_tokens":60,"output_tokens":0,');
  });

  it.each([
    ["STOP", "stop", "end_turn"],
    ["LENGTH", "length", "max_tokens"],
    ["CONTENT_FILTER", "content_filter", "refusal"],
    ["OTHER", "strange", "end_turn"],
    ["OTHER", "pause_turn", "pause_turn"],
  ] as const)("say of an end by %s (%s) that it was %s", (reason, rawReason, told) => {
    const { frames } = written([...begun, text(0, "a"), finished(0, FinishReason[reason], { rawReason }), completed({ usage })]);
    expect(frames).toContain(`"stop_reason":"${told}"`);
  });

  it("tell of thinking by its signature alone where that is asked for, as the whole answer does", async () => {
    const events = whole("thinking, hidden thinking, a text and calls");
    const writer = new MessageWriter({ promptTokens: 7, isThinkingOmitted: true });
    const frames = events.map((event) => writer.write(event)).join("");
    expect(frames).not.toContain("thinking_delta");
    const told = messageToAnthropic(await collect(streamOf(events)), true).content;
    const { client } = await served(frames);
    const message = await client.messages.stream({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] }).finalMessage();
    expect(message.content).toEqual(told);
    expect(told.filter(({ type }) => type === "thinking")).toEqual(
      ["sig==", "sig1", "sig2"].map((signature) => ({ type: "thinking", thinking: "", signature })),
    );
  });

  it("name the model that answers, where it is another than was asked for", () => {
    const [, start] = begun;
    if (start?.event.case !== "started") throw new Error("no start");
    const other = chatEvent({ case: "started", value: { ...start.event.value, answerModel: "other" } });
    expect(written([begun[0]!, other]).frames).toContain('"model":"other"');
  });
});

describe("Anthropic's own library", () => {
  it.each(Object.keys(answers))("takes %s from a stream as it takes it whole", async (name) => {
    const response = await collect(streamOf(whole(name)));
    const streamed = await served(written(whole(name)).frames + pingFrame);
    const message = await streamed.client.messages
      .stream({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] })
      .finalMessage();
    const unary = await served(JSON.stringify(messageToAnthropic(response)), "application/json");
    const got = await unary.client.messages.create({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] });
    expect(message).toMatchObject({ id: "msg_1", model: "m", role: "assistant", content: got.content, stop_reason: got.stop_reason });
    expect(message).toMatchObject({
      stop_sequence: got.stop_sequence,
      usage: { input_tokens: 10, cache_read_input_tokens: 60, output_tokens: 20 },
    });
    expect(got.usage).toMatchObject({ input_tokens: 10, cache_creation_input_tokens: 30, output_tokens_details: { thinking_tokens: 8 } });
    expect(chatRequestFromAnthropic(await streamed.body)).toMatchObject({ stream: true, request: { model: "m", maxTokens: 5 } });
  });

  it("fails with the error that ends a stream", async () => {
    const error = errorToAnthropic(fault("provider_unavailable", "it is gone"), { requestId: "req_1" });
    const { client } = await served(written([...begun, text(0, "Hello")]).frames + errorFrame(error));
    const stream = client.messages.stream({ model: "m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] });
    await expect(stream.finalMessage()).rejects.toMatchObject({ type: "api_error", apiMessage: "it is gone" });
  });
});

describe("a whole answer as a message", () => {
  const broken = (reason: FinishReason) => [
    ...begun,
    text(0, "I look."),
    toolCall({ choice: 0, index: 0, id: "a", name: "f", arguments: "{" }),
    finished(0, reason),
    completed({ usage }),
  ];

  it("cannot hold arguments of a call that are no object, and says so", async () => {
    const response = await collect(streamOf(broken(FinishReason.TOOL_CALLS)));
    expect(reasonOf(thrownBy(() => messageToAnthropic(response)))).toBe("provider_malformed");
  });

  it("leaves out a call that the answer's limit has cut, and says that it was the limit", async () => {
    const { content, stop_reason } = messageToAnthropic(await collect(streamOf(broken(FinishReason.LENGTH))));
    expect([content, stop_reason]).toEqual([[{ type: "text", text: "I look.", citations: null }], "max_tokens"]);
  });
});
