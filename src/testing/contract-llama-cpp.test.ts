import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema, FinishReason, Priority, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import type { Provider } from "../core/ports.ts";
import { llamaCppFields } from "../providers/llama-cpp/fields.ts";
import { engineRequest } from "../providers/llama-cpp/request.ts";
import { answerOf, textOf, valuesOf, type EventCase } from "./collect-events.ts";
import { contractPaths } from "./contract-paths.ts";
import { outputProofs, outputTold } from "./output-proofs.ts";
import { promptProofs, tellingTemplate } from "./prompt-proofs.ts";
import { userRequest } from "./sample-request.ts";
import { tinyProvider, type TinyProvider } from "./tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

type Ask = Exclude<MessageInitShape<typeof ChatRequestSchema>, ChatRequest>;

/** The same request with a field and without it, whose answers differ; both have a seed, and the tiny model is always the same. */
interface Pair {
  readonly with: Ask;
  readonly without: Ask;
}

const asked = (more: Ask = {}): Ask => ({ messages: userRequest("tell me of it").messages, maxTokens: 24, ...more });
/** Sampling in which chance decides, always the same way. */
const drawing = (more: Ask["sampling"] = {}): Ask => asked({ sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 7n, ...more } });
/** Sampling without chance. */
const greedy = (more: Ask["sampling"] = {}): Ask => asked({ sampling: { temperature: 0, ...more } });
/** The tiny model repeats itself without chance. */
const repeating = (dry: NonNullable<Ask["sampling"]>["dry"]): Ask => ({ ...greedy({ dry }), maxTokens: 40 });
const spoken = (role: Role, part: { case: "text" | "refusal"; value: { text: string } }): Ask => ({
  messages: [{ role, parts: [{ part }] }],
  maxTokens: 24,
  sampling: { temperature: 0 },
});
const raw = (more: Ask["rawPrompt"], rest: Ask = {}): Ask => ({
  rawPrompt: { ...more },
  maxTokens: 24,
  sampling: { temperature: 0 },
  ...rest,
});
const text = (value: string) => ({ case: "text" as const, value });
const tokenIds = (ids: number[]) => ({ case: "tokenIds" as const, value: { ids } });

const answersDiffer: Readonly<Record<string, Pair>> = {
  "messages.role": {
    with: spoken(Role.SYSTEM, { case: "text", value: { text: "hi" } }),
    without: spoken(Role.USER, { case: "text", value: { text: "hi" } }),
  },
  "messages.parts.text.text": {
    with: spoken(Role.USER, { case: "text", value: { text: "hi" } }),
    without: spoken(Role.USER, { case: "text", value: { text: "ho" } }),
  },
  "messages.parts.refusal.text": {
    with: spoken(Role.ASSISTANT, { case: "refusal", value: { text: "never" } }),
    without: spoken(Role.ASSISTANT, { case: "refusal", value: { text: "gladly" } }),
  },
  "sampling.temperature": { with: drawing({ temperature: 0.01 }), without: drawing() },
  "sampling.top_p": { with: drawing({ topP: 0.01 }), without: drawing() },
  "sampling.top_k": { with: drawing({ topK: 1 }), without: drawing() },
  "sampling.min_p": { with: drawing({ minP: 1 }), without: drawing() },
  "sampling.seed": { with: drawing({ seed: 8n }), without: drawing() },
  "sampling.presence_penalty": { with: greedy({ presencePenalty: 2 }), without: greedy() },
  "sampling.frequency_penalty": { with: greedy({ frequencyPenalty: 2 }), without: greedy() },
  "sampling.repeat_penalty": { with: greedy({ repeatPenalty: 2 }), without: greedy() },
  "sampling.repeat_last_n": { with: greedy({ repeatPenalty: 2, repeatLastN: 0 }), without: greedy({ repeatPenalty: 2 }) },
  "sampling.xtc.probability": {
    with: drawing({ xtc: { probability: 1, threshold: 0.001 } }),
    without: drawing({ xtc: { threshold: 0.001 } }),
  },
  "sampling.xtc.threshold": {
    with: drawing({ xtc: { probability: 1, threshold: 0.5 } }),
    without: drawing({ xtc: { probability: 1, threshold: 0.001 } }),
  },
  "sampling.dry.multiplier": { with: repeating({ multiplier: 20 }), without: repeating({ multiplier: 0 }) },
  "sampling.dry.base": { with: repeating({ multiplier: 0.2, base: 8 }), without: repeating({ multiplier: 0.2, base: 1 }) },
  "sampling.dry.allowed_length": { with: repeating({ multiplier: 20, allowedLength: 40 }), without: repeating({ multiplier: 20 }) },
  "sampling.dry.last_n": { with: repeating({ multiplier: 20, lastN: 0 }), without: repeating({ multiplier: 20 }) },
  "sampling.dry.sequence_breakers": {
    with: repeating({ multiplier: 20, sequenceBreakers: ["i"] }),
    without: repeating({ multiplier: 20, sequenceBreakers: ["\n"] }),
  },
  max_tokens: { with: greedy(), without: { ...greedy(), maxTokens: 3 } },
  choices: { with: { ...drawing(), choices: 2 }, without: drawing() },
  "raw_prompt.text": { with: raw({ prompt: text("one") }), without: raw({ prompt: text("two") }) },
  "raw_prompt.token_ids.ids": { with: raw({ prompt: tokenIds([40, 41]) }), without: raw({ prompt: tokenIds([42]) }) },
  "raw_prompt.echo": { with: raw({ prompt: text("one"), echo: true }), without: raw({ prompt: text("one") }) },
  include_progress: { with: asked({ includeProgress: true, sampling: { seed: 7n } }), without: asked({ sampling: { seed: 7n } }) },
};

/** What one answer cannot show: how soon it came, and what a model without the tokens for it cannot do. The engine is told of it. */
const engineIsTold: Readonly<Record<string, Pair>> = {
  ...outputTold,
  priority: { with: { ...greedy({ seed: 1n }), priority: Priority.BATCH }, without: greedy({ seed: 1n }) },
  "raw_prompt.suffix": {
    with: raw({ prompt: text("one"), suffix: "end" }, { sampling: { seed: 1n } }),
    without: raw({ prompt: text("one") }, { sampling: { seed: 1n } }),
  },
};

/** With a chat template that tells all there is. */
const toldAnswersDiffer: Readonly<Record<string, Pair>> = { ...promptProofs, ...outputProofs };

/** Have tests of their own below. */
const shownBelow = ["stop", "sampling.logit_bias", "response_format.text", "top_logprobs", "min_tokens", "ignore_eos"];
/** The service honours these before a provider sees them. */
const servedByService = ["model", "provider"];

describe("llama-cpp", () => {
  let provider: Provider;
  let tiny: TinyProvider;
  beforeAll(async () => {
    tiny = await tinyProvider();
    await tiny.library.add("tiny");
    await tiny.library.add("telling", { chatTemplate: tellingTemplate });
    provider = tiny.provider;
  });
  afterAll(() => tiny.close());
  const answer = (ask: Ask): Promise<ChatEvent[]> => answerOf(provider, create(ChatRequestSchema, { ...ask, model: "tiny" }));

  it("has a proof for every field that it honours, and for no other", () => {
    const proven = [
      ...Object.keys(answersDiffer),
      ...Object.keys(toldAnswersDiffer),
      ...Object.keys(engineIsTold),
      ...shownBelow,
      ...servedByService,
    ];
    expect(proven.toSorted()).toEqual(contractPaths(llamaCppFields, "honoured").toSorted());
  });

  it.each(Object.entries(answersDiffer))("honours %s: the answer is another", async (_path, pair) => {
    expect(essence(await answer(pair.with))).not.toEqual(essence(await answer(pair.without)));
  });

  it.each(Object.entries(toldAnswersDiffer))("honours %s where the chat template tells it: the answer is another", async (_path, pair) => {
    const told = (ask: Ask) => answerOf(provider, create(ChatRequestSchema, { ...ask, model: "telling" }));
    expect(essence(await told(pair.with))).not.toEqual(essence(await told(pair.without)));
  });

  it("answers alike without any difference, or the proofs would prove nothing", async () => {
    for (const ask of [greedy(), drawing()]) expect(essence(await answer(ask))).toEqual(essence(await answer(ask)));
  });

  it("tells at the end what was read and written, and where the time went", async () => {
    const [end] = valuesOf(await answer({ ...greedy(), maxTokens: 5 }), "completed");
    expect(end?.usage).toMatchObject({ completionTokens: 5, promptTokens: expect.any(Number) });
    expect(end?.timings).toMatchObject({ queueMs: expect.any(Number), promptMs: expect.any(Number), generationMs: expect.any(Number) });
  });

  it.each(Object.entries(engineIsTold))("honours %s: the engine is told", (_path, pair) => {
    const told = (ask: Ask) => engineRequest(create(ChatRequestSchema, ask), { maxTokens: undefined, temperature: undefined }, "tenant");
    expect(told(pair.with)).not.toEqual(told(pair.without));
  });

  it("honours stop: the answer ends before it, wherever the tokens' borders are", async () => {
    const whole = textOf(await answer(greedy()));
    const stop = whole.slice(4, 7);
    const stopped = await answer({ ...greedy(), stop: [stop] });
    expect(textOf(stopped)).toBe(whole.slice(0, whole.indexOf(stop)));
  });

  it("honours sampling.logit_bias: a banned token does not come, a favoured one does", async () => {
    const favoured = await answer(greedy({ logitBias: { 40: 100 } }));
    const banned = await answer(greedy({ logitBias: { 40: -100 } }));
    expect(textOf(favoured)).not.toBe(textOf(await answer(greedy())));
    expect(new Set(textOf(favoured)).size).toBe(1);
    expect(textOf(banned)).not.toContain(textOf(favoured).slice(0, 1).repeat(3));
  });

  it("honours top_logprobs: each token of the text is told with so many alternatives", async () => {
    const told = await answer({ ...drawing(), topLogprobs: 3 });
    const logprobs = valuesOf(told, "text").flatMap((delta) => delta.logprobs);
    expect(logprobs).toHaveLength(24);
    expect(logprobs.map(({ token }) => token).join("")).toBe(textOf(told));
    expect(logprobs.every(({ logprob, top }) => logprob <= 0 && top.length === 3)).toBe(true);
    expect(essence(told)).toEqual(essence(await answer(drawing())));
  });

  it("honours min_tokens and ignore_eos: the model does not end before", async () => {
    await tiny.library.add("ending", { ends: "sometimes" });
    const written = async (seed: bigint, more: Ask = {}) => {
      const ask = { ...drawing({ seed }), maxTokens: 60, ...more, model: "ending" };
      const events = await answerOf(provider, create(ChatRequestSchema, ask));
      return {
        tokens: valuesOf(events, "completed")[0]?.usage?.completionTokens ?? 0,
        reason: valuesOf(events, "finished")[0]?.reason,
        text: textOf(events),
      };
    };
    for (const seed of [1n, 2n, 3n, 4n]) {
      const least = await written(seed, { minTokens: 30 });
      expect(least.tokens).toBeGreaterThanOrEqual(30);
      expect(await written(seed, { ignoreEos: true })).toMatchObject({
        tokens: 60,
        reason: FinishReason.LENGTH,
        text: expect.not.stringContaining("<|"),
      });
    }
    const free = await Promise.all([1n, 2n, 3n, 4n].map((seed) => written(seed)));
    expect(Math.min(...free.map(({ tokens }) => tokens))).toBeLessThan(30);
  });

  it("honours response_format.text: it is what it writes anyway", async () => {
    const formatted = await answer({ ...greedy(), responseFormat: { format: { case: "text", value: {} } } });
    expect(essence(formatted)).toEqual(essence(await answer(greedy())));
  });
});

/** What an answer says, without the times and the ids. */
function essence(events: readonly ChatEvent[]): { kinds: (EventCase | undefined)[]; texts: string[]; calls: string } {
  const kinds = [...new Set(events.map(({ event }) => event.case))];
  const calls = valuesOf(events, "toolCall").map((delta) => `${delta.name} ${delta.arguments}`);
  return { kinds, texts: [0, 1].map((choice) => textOf(events, choice)), calls: calls.join("") };
}
