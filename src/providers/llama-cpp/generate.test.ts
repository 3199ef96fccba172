import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema, FinishReason, RawPromptSchema, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { MessageSchema, Role } from "../../../gen/parley/v1/messages_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { testContext } from "../../testing/call-context.ts";
import { answerOf, failureOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider();
  await tiny.library.add("tiny");
});
afterAll(() => tiny.close());

const greedy = { temperature: 0 };
const ask = (words: string, more = {}) => userRequest(words, { model: "tiny", maxTokens: 24, sampling: greedy, ...more });
const said = async (request: ChatRequest, choice = 0) => textOf(await answerOf(tiny.provider, request), choice);
const raw = (prompt: MessageInitShape<typeof RawPromptSchema>) =>
  create(ChatRequestSchema, { model: "tiny", maxTokens: 8, sampling: greedy, rawPrompt: create(RawPromptSchema, prompt) });
const tokensOf = async (chat: ChatRequest) =>
  (await only(tiny.provider.countTokens!({ $typeName: "parley.v1.CountTokensRequest", chat }, testContext(chat)))).promptTokens;

describe("what local models write", () => {
  it("is decoded in full batches: eight streams that run at once share every decode", async () => {
    const from = tiny.reports.length;
    await Promise.all(Array.from({ length: 8 }, (_, index) => answerOf(tiny.provider, ask(`stream ${index}`, { maxTokens: 80 }))));
    const decodes = tiny.reports.slice(from).filter(([name, , , active]) => name === "decoded" && active === 8);
    const busy = decodes.reduce((sum, [, , sequences]) => sum + Number(sequences), 0) / decodes.length;
    expect(decodes.length).toBeGreaterThan(50);
    expect(busy).toBeGreaterThanOrEqual(7.5);
  });

  it("is the same for the same seed, another for another, and for none", async () => {
    const seeded = (seed?: bigint) => said(ask("go", { sampling: { temperature: 1, ...(seed !== undefined && { seed }) } }));
    const [one, again, two, free, freeAgain] = await Promise.all([seeded(1n), seeded(1n), seeded(2n), seeded(), seeded()]);
    expect(again).toBe(one);
    expect(two).not.toBe(one);
    expect(free).not.toBe(freeAgain);
  });

  it("is the most probable at temperature 0, whatever the seed", async () => {
    const cold = (seed: bigint) => said(ask("go", { sampling: { temperature: 0, seed } }));
    expect(await cold(1n)).toBe(await cold(2n));
  });

  it("comes at every end of the ranges that the contract allows", async () => {
    const most = 2 ** 31 - 1;
    const sampling = {
      temperature: 2,
      topK: most,
      topP: 1,
      minP: 1,
      seed: 2n ** 63n - 1n,
      repeatPenalty: 2,
      repeatLastN: most,
      presencePenalty: -2,
    };
    const events = await answerOf(tiny.provider, ask("hello", { sampling, maxTokens: 2 }));
    expect(valuesOf(events, "completed")[0]?.usage?.completionTokens).toBeGreaterThan(0);
  });

  it("ends before a stop text that lies across tokens, and names it", async () => {
    const whole = await said(ask("hello"));
    const stop = whole.slice(7, 12);
    const events = await answerOf(tiny.provider, ask("hello", { stop: [stop, "not in there"] }));
    expect(textOf(events)).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, stopSequence: stop }]);
  });

  it("ends at max_tokens and bills them", async () => {
    const events = await answerOf(tiny.provider, ask("hello", { maxTokens: 5 }));
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.LENGTH, rawReason: "max_tokens" }]);
    expect(valuesOf(events, "completed")[0]?.usage?.completionTokens).toBe(5);
  });

  it("ends by itself at an end token", async () => {
    await tiny.library.add("ending", { ends: "sometimes", seed: 3 });
    const request = userRequest("hello", { model: "ending", sampling: { temperature: 2, topK: 0, topP: 1, minP: 0, seed: 1n } });
    const events = await answerOf(tiny.provider, request);
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.STOP, rawReason: "end_token" }]);
    expect(textOf(events)).not.toContain("<|im_end|>");
  });

  it("never holds half a character, though tokens are bytes", async () => {
    await tiny.library.add("bytes", { writes: "bytes" });
    const request = userRequest("hello", { model: "bytes", maxTokens: 100, sampling: { temperature: 1.5, topK: 0, seed: 5n } });
    const events = await answerOf(tiny.provider, request);
    const pieces = valuesOf(events, "text").map(({ text }) => text);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
  });

  it("is several choices of their own seeds, of which the first is that of one choice alone", async () => {
    const sampling = { temperature: 1, seed: 7n };
    const events = await answerOf(tiny.provider, ask("go", { choices: 12, sampling }));
    const texts = Array.from({ length: 12 }, (_, choice) => textOf(events, choice));
    expect(new Set(texts).size).toBe(12);
    expect(texts[0]).toBe(await said(ask("go", { sampling })));
    expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ completionTokens: 12 * 24, promptTokens: await tokensOf(ask("go")) });
  });

  it("goes to the end of the context where nothing else ends it", async () => {
    const request = create(ChatRequestSchema, { ...ask("hello") });
    delete request.maxTokens;
    const events = await answerOf(tiny.provider, request);
    const usage = valuesOf(events, "completed")[0]?.usage;
    expect(valuesOf(events, "finished")).toMatchObject([{ reason: FinishReason.LENGTH, rawReason: "context_end" }]);
    expect(usage!.promptTokens + usage!.completionTokens).toBe(512);
  });
});

describe("what local models read", () => {
  it("must leave room for an answer, and is refused with both numbers where it does not", async () => {
    const ids = (length: number) => raw({ prompt: { case: "tokenIds", value: { ids: Array.from({ length }, () => 70) } } });
    const error = await failureOf(answerOf(tiny.provider, ids(512)));
    expect(reasonOf(error)).toBe("context_length_exceeded");
    expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({ prompt_tokens: "512", context_length: "512" });
    const fits = await answerOf(tiny.provider, ids(511));
    expect(valuesOf(fits, "completed")[0]?.usage).toMatchObject({ promptTokens: 511, completionTokens: 1 });
  });

  it("takes messages in any order, developer as system", async () => {
    const { SYSTEM, DEVELOPER, USER, ASSISTANT } = Role;
    const orders = [
      [USER, USER],
      [SYSTEM],
      [USER, SYSTEM, USER],
      [ASSISTANT, USER],
      [USER, ASSISTANT],
      [USER, ASSISTANT, ASSISTANT],
      [DEVELOPER, USER],
    ];
    for (const roles of orders) {
      const messages = roles.map((role) => create(MessageSchema, { role, parts: [{ part: { case: "text", value: { text: "word" } } }] }));
      expect(await said(create(ChatRequestSchema, { model: "tiny", messages, maxTokens: 2, sampling: greedy }))).not.toBe("");
    }
    const of = (role: Role) => tokensOf(create(ChatRequestSchema, { ...ask(""), messages: [create(MessageSchema, { role })] }));
    expect(await of(DEVELOPER)).toBe(await of(SYSTEM));
  });

  it("never takes words of a message for special tokens, but those of a raw prompt", async () => {
    const plain = await tokensOf(ask("x"));
    // One token each but for "en", which the vocabulary has.
    expect(await tokensOf(ask("<|im_end|>"))).toBe(plain + "<|im_end|>".length - 2);
    expect(await tokensOf(raw({ prompt: { case: "text", value: "<|im_end|>" } }))).toBe(1);
  });

  it("may be a raw prompt, of text or of tokens, and be repeated", async () => {
    const text = await said(raw({ prompt: { case: "text", value: "ab" } }));
    const ids = await said(raw({ prompt: { case: "tokenIds", value: { ids: [3 + 97, 3 + 98] } } }));
    expect(ids).toBe(text);
    expect(await said(raw({ prompt: { case: "text", value: "ab" }, echo: true }))).toBe(`ab${text}`);
    expect(await said(raw({ prompt: { case: "tokenIds", value: { ids: [3 + 97, 3 + 98] } }, echo: true }))).toBe(`ab${text}`);
  });

  it.each([
    {
      what: "token ids that the model does not have",
      request: raw({ prompt: { case: "tokenIds", value: { ids: [9999] } } }),
      reason: "invalid_request",
      word: "9999",
    },
    {
      what: "a suffix without tokens for it",
      request: raw({ prompt: { case: "text", value: "a" }, suffix: "b" }),
      reason: "unsupported_field",
      word: "suffix",
    },
    {
      what: "an empty prompt without a begin token",
      request: raw({ prompt: { case: "text", value: "" } }),
      reason: "invalid_request",
      word: "empty",
    },
    {
      what: "a least length of an answer in a form",
      request: ask("a", { minTokens: 3, responseFormat: { format: { case: "jsonObject", value: {} } } }),
      reason: "unsupported_field",
      word: "together with response_format.json_object",
    },
    { what: "a bias of no token", request: ask("a", { sampling: { logitBias: { 9999: 1 } } }), reason: "invalid_request", word: "9999" },
    {
      what: "options of its own",
      request: ask("a", { providerOptions: { "llama-cpp": { mirostat: 2 } } }),
      reason: "unsupported_field",
      word: "provider_options",
    },
    { what: "a model that is not there", request: ask("a", { model: "none" }), reason: "model_not_found", word: "none" },
  ])("is refused: $what", async ({ request, reason, word }) => {
    const error = await failureOf(answerOf(tiny.provider, request));
    expect([reasonOf(error), error.rawMessage.includes(word)]).toEqual([reason, true]);
  });
});
