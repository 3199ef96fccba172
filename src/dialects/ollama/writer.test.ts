import { describe, expect, it } from "vitest";
import { FinishReason, type ChatEvent, type TokenLogprob } from "../../../gen/parley/v1/chat_pb.ts";
import { UsageSource, type Timings, type Usage } from "../../../gen/parley/v1/usage_pb.ts";
import { collect } from "../../core/collect.ts";
import { accepted, chatEvent, completed, finished, reasoning, started, text, toolCall } from "../../core/events.ts";
import { reasonOf } from "../../core/reasons.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { framesOf, readAll } from "../../testing/split-frames.ts";
import { thrownBy } from "../../testing/thrown-by.ts";
import { chatResponseToOllama, type Shape } from "./response.ts";
import { ollamaDialect } from "./upstream/dialect.ts";
import { LineWriter } from "./writer.ts";

const dialect = ollamaDialect({ kind: "ollama", quirks: {} });
const asked = { provider: "p", model: "m", isCallersKey: false };
const request = userRequest("hi", { model: "m" });
const usage: Usage = {
  $typeName: "parley.v1.Usage",
  promptTokens: 100,
  completionTokens: 20,
  cachedTokens: 60,
  source: UsageSource.PROVIDER,
};
const timings: Timings = { $typeName: "parley.v1.Timings", loadMs: 5, promptMs: 30, generationMs: 400 };
const begun = [accepted({ id: "chatcmpl-1", model: "m", createdMs: 0 }), started("p", "m")];
const top = { $typeName: "parley.v1.TopLogprob" as const, token: "a", logprob: -0.5, bytes: Uint8Array.of(97) };
const logprob: TokenLogprob = { ...top, $typeName: "parley.v1.TokenLogprob", top: [top] };

/** Answers with everything that the format can hold. */
const answers: Readonly<Record<string, readonly ChatEvent[]>> = {
  "a text": [text(0, "Grüß "), text(0, "dich 😀\u2028"), finished(0, FinishReason.STOP, { rawReason: "stop" })],
  "thinking, a text and calls": [
    reasoning(0, "hm"),
    reasoning(0, " so"),
    text(0, "I look."),
    toolCall({ choice: 0, index: 0, id: "1", name: "look", arguments: "" }),
    toolCall({ choice: 0, index: 0, arguments: '{"at":12345678901234567890,' }),
    toolCall({ choice: 0, index: 0, arguments: '"b":1}' }),
    toolCall({ choice: 0, index: 1, id: "2", name: "look", arguments: "{}" }),
    finished(0, FinishReason.TOOL_CALLS, { rawReason: "stop" }),
  ],
  logprobs: [text(0, "a", [logprob]), finished(0, FinishReason.STOP, { rawReason: "stop" })],
  "a limit": [text(0, "a"), finished(0, FinishReason.LENGTH, { rawReason: "length" })],
  nothing: [finished(0, FinishReason.STOP, { rawReason: "stop" })],
};

const nameOf = (model: string) => model;
const written = (events: readonly ChatEvent[], shape: Shape = "chat") => {
  const writer = new LineWriter({ shape, nameOf, now: () => 0 });
  const lines = events.map((event) => writer.write(event)).join("");
  return { lines, isDone: writer.isDone };
};
const whole = (name: string) => [...begun, ...(answers[name] ?? []), completed({ usage, timings })];
async function* streamOf(events: readonly ChatEvent[]): AsyncGenerator<ChatEvent> {
  yield* events;
}

describe("our events as Ollama's lines", () => {
  it.each(Object.keys(answers))("with %s are read as the same answer, as is the answer whole", async (name) => {
    const { lines, isDone } = written(whole(name));
    expect(isDone).toBe(true);
    const given = await collect(streamOf(whole(name)));
    const streamed = readAll(dialect.reader(request, asked), framesOf([new TextEncoder().encode(lines)], "ndjson"));
    const { id: _, model: __, created: ___, ...expected } = given;
    expect(await collect(streamOf(streamed))).toMatchObject(expected);
    const body = JSON.stringify(chatResponseToOllama(given, { shape: "chat", nameOf }));
    expect(body).toContain('"model":"m","created_at":"1970-01-01T00:00:00.000Z"');
    const once = dialect.reader(request, asked);
    expect(await collect(streamOf([...once.read({ event: "", data: body }), ...once.end()]))).toMatchObject(expected);
  });

  it("are single lines, whatever the words hold", () => {
    const { lines } = written([...begun, text(0, "a\nb\u2028c\r")]);
    expect(lines.split(/[\n\r\u2028\u2029\u0085]/)).toHaveLength(2);
  });

  it("say a completion in the shape of /api/generate", async () => {
    const { lines } = written(whole("a text"), "generate");
    expect(JSON.parse(lines.slice(0, lines.indexOf("\n")))).toEqual({
      model: "m",
      created_at: "1970-01-01T00:00:00.000Z",
      done: false,
      response: "Grüß ",
    });
    expect(chatResponseToOllama(await collect(streamOf(whole("a text"))), { shape: "generate", nameOf })).toMatchObject({
      response: "Grüß dich 😀\u2028",
      done: true,
    });
  });

  it("name the model that answers, and tell what it took", () => {
    const [, start] = begun;
    if (start?.event.case !== "started") throw new Error("no start");
    const other = chatEvent({ case: "started", value: { ...start.event.value, answerModel: "other" } });
    const { lines } = written([begun[0]!, other, text(0, "a"), finished(0, FinishReason.STOP), completed({ usage, timings })]);
    expect(JSON.parse(lines.trim().split("\n").at(-1) ?? "")).toEqual({
      model: "other",
      created_at: "1970-01-01T00:00:00.000Z",
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "stop",
      prompt_eval_count: 100,
      prompt_eval_cached_count: 60,
      eval_count: 20,
      load_duration: 5_000_000,
      prompt_eval_duration: 30_000_000,
      eval_duration: 400_000_000,
    });
  });

  it("cannot hold arguments of a call that are no object, and say so", () => {
    const broken = [...begun, toolCall({ choice: 0, index: 0, id: "a", name: "f", arguments: "{" }), finished(0, FinishReason.LENGTH)];
    expect(reasonOf(thrownBy(() => written(broken)))).toBe("provider_malformed");
  });

  it("say the words of a refusal as words", () => {
    const refusal = chatEvent({ case: "refusal", value: { $typeName: "parley.v1.RefusalDelta", choice: 0, text: "No." } });
    expect(written([...begun, refusal]).lines).toContain('"content":"No."');
  });
});
