import type { Token } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { engineAsk, loadTiny } from "../../testing/loaded-model.ts";
import { joined, recordedTools, styleTemplates } from "../../testing/read-answer.ts";
import { answerReader, type AnswerReader, type Read } from "./answer-reader.ts";
import type { LoadedModel } from "../model.ts";
import { planOutput, type OutputPlan } from "../output.ts";
import { chatStyle } from "../output/styles.ts";
import type { Prompt } from "../prompt.ts";
import type { EngineConversation } from "../protocol/prompt.ts";
import type { EngineRequest } from "../protocol/request.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const conversation: EngineConversation = {
  type: "messages",
  messages: [],
  tools: recordedTools,
  toolChoice: { mode: "auto", names: [] },
  continueFinalMessage: false,
  templateOptions: {},
};

describe("reading an answer with marks", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny();
  });
  afterAll(() => loaded.dispose());

  const readerOf = (
    more: Partial<EngineRequest> = {},
    { isThinking = false, output }: { isThinking?: boolean; output?: OutputPlan } = {},
  ): AnswerReader => {
    const request = engineAsk({ prompt: conversation, ...more });
    const style = chatStyle(styleTemplates.hermes);
    const prompt: Prompt = { tokens: loaded.model.tokenize("say"), endTokens: new Set(), endTexts: [], text: "", style, isThinking };
    return answerReader(loaded, { request, prompt, output: output ?? planOutput(request, prompt) });
  };
  const read = (reader: AnswerReader, tokens: readonly Token[]): Read[] => {
    const reads: Read[] = [];
    for (const token of tokens) {
      reads.push(reader.next({ token }));
      if (reads.at(-1)?.end !== undefined) break;
    }
    return reads;
  };
  const piecesOf = (reads: readonly Read[]) => joined(reads.flatMap(({ pieces }) => pieces));
  const call = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>';
  const end = () => loaded.model.tokens.eos!;

  it("holds the arguments of a call once it is one, tells them token by token, and ends with it", () => {
    const reader = readerOf();
    const tokens = [...loaded.model.tokenize(`I look. ${call}`), end()];
    const held = tokens.map((token) => (reader.next({ token }), reader.grammar !== undefined));
    const first = held.indexOf(true);
    const text = (to: number) => loaded.model.detokenize(tokens.slice(0, to));
    expect(text(first + 1).endsWith('"arguments": {')).toBe(true);
    expect(held.slice(first, held.lastIndexOf(true) + 1)).not.toContain(false);
    expect(text(held.lastIndexOf(true) + 2).endsWith('"Rome"}}')).toBe(true);
    const reads = read(readerOf(), tokens);
    expect(reads.filter(({ pieces }) => pieces.some(({ type }) => type === "tool-call")).length).toBeGreaterThan(5);
    expect(piecesOf(reads)).toEqual({ text: "I look.", reasoning: "", calls: [{ name: "get_weather", arguments: '{"city": "Rome"}' }] });
    expect(reads.at(-1)?.end).toEqual({ reason: "tool-calls", rawReason: "end_token" });
  });

  it("ends by itself with the one call that is wanted", () => {
    const reader = readerOf({ prompt: { ...conversation, parallelToolCalls: false } });
    const reads = read(reader, loaded.model.tokenize(call));
    expect(reads.at(-1)?.end).toEqual({ reason: "tool-calls", rawReason: "complete" });
    expect(piecesOf(reads).calls).toHaveLength(1);
  });

  it("looks for stop texts in visible text alone", () => {
    const tokens = [...loaded.model.tokenize(`<think>Rome, so Rome</think>Yes: ${call} to Ro Rome or so`), end()];
    const reads = read(readerOf({ stop: ["Rome"] }), tokens);
    expect(piecesOf(reads)).toEqual({
      text: "Yes: to Ro ",
      reasoning: "Rome, so Rome",
      calls: [{ name: "get_weather", arguments: '{"city": "Rome"}' }],
    });
    expect(reads.at(-1)?.end).toEqual({ reason: "tool-calls", rawReason: "stop_text", stop: "Rome" });
    const cut = read(readerOf({ stop: ["s: <tool_"] }), loaded.model.tokenize(`Yes: ${call}`).slice(0, 5));
    expect(piecesOf(cut)).toMatchObject({ text: "Ye" });
  });

  it("tells the logprobs of visible text alone", () => {
    const tokens = loaded.model.tokenize(`<think>Hm.</think>Yes. ${call}`);
    const reader = readerOf({ topLogprobs: 0 });
    const logprob = (token: Token) => ({ token: loaded.model.detokenize([token]), bytes: "", logprob: -1, top: [] });
    const reads = [...tokens, end()].map((token) => reader.next({ token, logprob: logprob(token) }));
    expect(piecesOf(reads)).toMatchObject({ text: "Yes.", reasoning: "Hm.", calls: [{ name: "get_weather" }] });
    expect(reads.flatMap(({ logprobs }) => logprobs.map(({ token }) => token)).join("")).toBe("Yes.");
  });

  it("counts the tokens of thinking, and ends it by force when its budget is used up", () => {
    const thought = loaded.model.tokenize("abcdefgh");
    const free = readerOf({}, { isThinking: true });
    read(free, thought);
    expect([free.tokens, free.reasoningTokens]).toEqual([8, 8]);
    const reader = readerOf({ reasoningBudget: 3 }, { isThinking: true });
    expect(reader.begin).toEqual([]);
    const reads = read(reader, thought.slice(0, 3));
    const { force = [] } = reads.at(-1)!;
    expect(reads.slice(0, -1).map((each) => each.force)).toEqual([undefined, undefined]);
    expect(loaded.model.detokenize([...force])).toBe("\n</think>\n\n");
    const rest = read(reader, [...force, ...loaded.model.tokenize("Yes."), end()]);
    expect(piecesOf([...reads, ...rest])).toEqual({ text: "Yes.", reasoning: "abc", calls: [] });
    expect(rest.every((each) => each.force === undefined)).toBe(true);
    expect(reader.reasoningTokens).toBe(3);
    expect(loaded.model.detokenize([...readerOf({ reasoningBudget: 0 }, { isThinking: true }).begin])).toBe("\n</think>\n\n");
  });

  it("sees special tokens that are marks, and no others", () => {
    const seen: string[] = [];
    const output: OutputPlan = {
      grammarFields: [],
      markers: new Set(["<|im_start|>"]),
      begin: () => ({
        ...{ grammar: undefined, isReasoning: false, hasCalls: false, isComplete: false },
        push: (text) => (seen.push(text), []),
        end: () => [],
      }),
    };
    read(readerOf({}, { output }), loaded.model.tokenize("a<|im_start|>b<|endoftext|>", true).slice(0, 3));
    expect(seen.join("")).toBe("a<|im_start|>b");
    seen.length = 0;
    read(readerOf({}, { output: { ...output, markers: new Set(["<x>"]) } }), loaded.model.tokenize("a<|im_start|>b", true));
    expect(seen.join("")).toBe("ab");
  });
});
