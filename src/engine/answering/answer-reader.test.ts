import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Token } from "node-llama-cpp";
import { engineAsk, loadTiny, plainPlan } from "../../testing/loaded-model.ts";
import { answerReader, type Read } from "./answer-reader.ts";
import { contentEvents } from "./held-logprobs.ts";
import type { LoadedModel } from "../model.ts";
import type { EngineLogprob } from "../protocol/events.ts";
import type { EngineRequest } from "../protocol/request.ts";
import { tokenBytes } from "../tokens/token-bytes.ts";
import { chatStyle } from "../output/styles.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

describe("reading an answer with logprobs", () => {
  let loaded: LoadedModel;
  let end: Token;
  beforeAll(async () => {
    loaded = await loadTiny();
    end = loaded.model.tokens.eos!;
  });
  afterAll(() => loaded.dispose());

  /** What is read of tokens: by event, its text and the tokens whose logprobs come with it. */
  const read = (tokens: readonly Token[], more: Partial<EngineRequest> = {}, endTexts: readonly string[] = []) => {
    const request = engineAsk({ topLogprobs: 0, ...more });
    const prompt = {
      tokens: loaded.model.tokenize("say"),
      endTokens: new Set<Token>(),
      endTexts,
      text: "",
      style: chatStyle(undefined),
      isThinking: false,
    };
    const reader = answerReader(loaded, { request, prompt, output: plainPlan });
    const reads: Read[] = [];
    for (const token of tokens) {
      reads.push(reader.next({ token, logprob: logprob(token) }));
      if (reads.at(-1)?.end !== undefined) break;
    }
    return reads.flatMap((brought) => contentEvents(0, brought)).map((event) => [textOf(event), namesOf(event)]);
  };
  const logprob = (token: Token): EngineLogprob => {
    const bytes = tokenBytes(loaded.model, token);
    return { token: bytes.toString(), bytes: bytes.toString("base64"), logprob: -1, top: [] };
  };
  const textOf = (event: object) => ("text" in event ? event.text : undefined);
  const namesOf = (event: object) => ("logprobs" in event ? (event.logprobs as EngineLogprob[]).map(({ token }) => token) : []);

  const textIn = (told: ReturnType<typeof read>) => told.map(([text]) => text).join("");

  it("tells them with their text", () => {
    expect(read(loaded.model.tokenize("the x"))).toEqual([
      ["the", ["the"]],
      [" ", [" "]],
      ["x", ["x"]],
    ]);
  });

  it("tells those of a character's parts with the character", () => {
    expect(read(loaded.model.tokenize("a€b"))).toEqual([
      ["a", ["a"]],
      ["€", ["\uFFFD", "\uFFFD", "\uFFFD"]],
      ["b", ["b"]],
    ]);
  });

  it("holds them back with a text that may become a stop text, and leaves out what a stop text cuts off", () => {
    const tokens = loaded.model.tokenize("abacabx");
    const kept = [
      ["ab", ["a", "b"]],
      ["ac", ["a", "c"]],
    ];
    expect(read(tokens, { stop: ["abx"] })).toEqual(kept);
    // A text by which the template begins the next turn is no part of the answer either.
    expect(read(tokens, {}, ["abx"])).toEqual(kept);
    expect(read(tokens, { stop: ["bx"] }).at(-1)).toEqual(["a", ["a"]]);
  });

  it("tells what was held back when the answer ends, and nothing of the end token", () => {
    expect(read([...loaded.model.tokenize("xab"), end], { stop: ["abx"] })).toEqual([
      ["x", ["x"]],
      ["ab", ["a", "b"]],
    ]);
    expect(read(loaded.model.tokenize("xa€").slice(0, 3), { maxTokens: 3 }).at(-1)).toEqual(["", ["\uFFFD"]]);
  });

  it("tells nothing of tokens that are no text", () => {
    const [begin] = loaded.model.tokenize("<|im_start|>", true);
    expect(read([begin!, ...loaded.model.tokenize("x")])).toEqual([["x", ["x"]]]);
  });

  it("is not ended by a text before its least length, nor by the template's when it is to go on past the end", () => {
    const tokens = loaded.model.tokenize("axbxc");
    expect(textIn(read(tokens, { stop: ["x"], minTokens: 3 }))).toBe("axb");
    expect(textIn(read(tokens, { ignoreEos: true }, ["x"]))).toBe("axbxc");
    expect(textIn(read(tokens, {}, ["x"]))).toBe("a");
  });
});
