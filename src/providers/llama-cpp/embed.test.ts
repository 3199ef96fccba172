import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EmbedInputSchema, EmbedRequestSchema, type EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import { UsageSource } from "../../../gen/parley/v1/usage_pb.ts";
import { callContext } from "../../core/context.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { embedKind } from "../../core/unary-kinds.ts";
import { testCall } from "../../testing/call-context.ts";
import { answerOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyBertToken, tinyBertVectorLength, writeTinyBert } from "../../testing/tiny-bert.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

let tiny: TinyProvider;
beforeAll(async () => {
  // Two contexts of one thread, as on a machine of two cores.
  tiny = await tinyProvider({ load: { threads: 1, sequences: 2 } });
  const encoder = join(tiny.library.directory, "encoder.gguf");
  await writeTinyBert(encoder);
  await tiny.library.addFile("encoder", encoder, { purpose: "embed", trainedContextLength: 64 });
  const ranker = join(tiny.library.directory, "ranker.gguf");
  await writeTinyBert(ranker, { ranks: true });
  await tiny.library.addFile("ranker", ranker, { purpose: "rerank", trainedContextLength: 64 });
  await tiny.library.add("chats");
  await tiny.library.add("mean", { pooling: 1 }, { purpose: "embed" });
  await tiny.library.add("last", { pooling: 3 }, { purpose: "embed" });
  for (const model of ["encoder", "chats", "mean", "last"]) await embed({ model, inputs: ["load it"] });
}, 60_000);
afterAll(() => tiny.close());

interface Ask {
  readonly model?: string;
  readonly dimensions?: number;
  readonly truncate?: boolean;
  readonly providerOptions?: JsonObject;
  readonly inputs: readonly (string | readonly number[])[];
  readonly signal?: AbortSignal;
}

const inputOf = (input: string | readonly number[]) =>
  create(EmbedInputSchema, {
    input: typeof input === "string" ? { case: "text", value: input } : { case: "tokenIds", value: { ids: [...input] } },
  });

async function embed({ inputs, signal = new AbortController().signal, model = "encoder", ...more }: Ask): Promise<EmbedResponse> {
  const request = create(EmbedRequestSchema, { model, inputs: inputs.map(inputOf), ...more });
  return only(tiny.provider.embed!(request, callContext(testCall({ signal }), embedKind, request)));
}

const vectorsOf = ({ embeddings }: EmbedResponse) => embeddings.map(({ values }) => values);
const cosine = (one: readonly number[], other: readonly number[]) => one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
const token = (name: string) => tinyBertToken(name);

describe("embedding with an encoder", () => {
  it("gives a vector of length 1 for each input, in their order, and counts every token that was read", async () => {
    const answer = await embed({ inputs: ["the bread", "the river", "bake bread."] });
    const vectors = vectorsOf(answer);
    expect(vectors.map((values) => values.length)).toEqual([tinyBertVectorLength, tinyBertVectorLength, tinyBertVectorLength]);
    for (const values of vectors) expect(Math.hypot(...values)).toBeCloseTo(1, 5);
    expect(answer.usage).toMatchObject({ promptTokens: 4 + 4 + 5, completionTokens: 0, source: UsageSource.PROVIDER });
    const [alone] = vectorsOf(await embed({ inputs: ["the river"] }));
    expect(cosine(alone!, vectors[1]!)).toBeCloseTo(1, 6);
    expect(cosine(alone!, vectors[0]!)).toBeLessThan(0.999);
  });

  it("takes tokens for text, with and without those that the model begins and ends with", async () => {
    const ids = [token("▁the"), token("▁bread")];
    const answer = await embed({ inputs: ["the bread", ids, [token("[CLS]"), ...ids, token("[SEP]")]] });
    const [text, bare, whole] = vectorsOf(answer);
    expect([cosine(text!, bare!), cosine(text!, whole!)]).toEqual([expect.closeTo(1, 6), expect.closeTo(1, 6)]);
    expect(answer.usage?.promptTokens).toBe(12);
  });

  it("embeds a text that has no tokens of its own", async () => {
    const answer = await embed({ inputs: [" "] });
    expect([answer.embeddings[0]?.values.length, answer.usage?.promptTokens]).toEqual([tinyBertVectorLength, 2]);
  });

  it("cuts vectors to the dimensions that are asked for, of length 1 again", async () => {
    const [whole] = vectorsOf(await embed({ inputs: ["the bread"] }));
    const [short] = vectorsOf(await embed({ inputs: ["the bread"], dimensions: 5 }));
    const norm = Math.hypot(...whole!.slice(0, 5));
    expect(short).toEqual(whole!.slice(0, 5).map((value) => expect.closeTo(value / norm, 5)));
  });

  it("reads as many tokens as the model has positions", async () => {
    const answer = await embed({ inputs: ["bread ".repeat(62)] });
    expect(answer.usage?.promptTokens).toBe(64);
  });

  it("serves many inputs and several callers at once, each with its own vectors", async () => {
    const texts = Array.from({ length: 150 }, (_, index) => `bread ${index}`);
    const [many, few] = await Promise.all([embed({ inputs: texts }), embed({ inputs: ["bread 149", "bread 7"] })]);
    const vectors = vectorsOf(many);
    expect(vectors).toHaveLength(150);
    expect(vectorsOf(few).map((values, at) => cosine(values, vectors[at === 0 ? 149 : 7]!))).toEqual([
      expect.closeTo(1, 6),
      expect.closeTo(1, 6),
    ]);
  });

  it("stops for a caller who has left, and serves the next", async () => {
    const leaving = new AbortController();
    const left = embed({ inputs: Array.from({ length: 2000 }, () => "bread of the river"), signal: leaving.signal });
    await embed({ inputs: ["the bread"] });
    leaving.abort();
    expect(reasonOf(await failureOf(left))).toBe("caller_gone");
    expect((await embed({ inputs: ["the bread"] })).embeddings).toHaveLength(1);
  });
});

describe("an input that is too long and may be cut", () => {
  it("gives the vector of as much of its beginning as the model reads, whatever it goes on with", async () => {
    const cut = { truncate: true, inputs: ["river", "bread ".repeat(63), "bread ".repeat(10_000), Array(99).fill(token("▁bread"))] };
    const { embeddings, usage } = await embed(cut);
    const whole = await embed({ inputs: ["river", "bread ".repeat(62)] });
    const [river, bread] = vectorsOf(whole);
    for (const [index, values] of [river, bread, bread, bread].entries())
      expect(embeddings[index]?.values).toEqual(values?.map((value) => expect.closeTo(value, 5) as number));
    expect(usage?.promptTokens).toBe(3 + 3 * 64);
  });

  it("is cut by a model that ends in one token too, and by one that puts none around its texts", async () => {
    for (const model of ["mean", "last", "chats"])
      expect(vectorsOf(await embed({ model, truncate: true, inputs: ["z".repeat(100_000)] }))).toHaveLength(1);
  });
});

describe("what cannot be embedded", () => {
  it.each<[string, Ask, string, string, RegExp]>([
    ["too long a text", { inputs: ["a", "bread ".repeat(63)] }, "context_length_exceeded", "inputs[1]", /65 tokens.* reads 64 /],
    [
      "too long a text behind many others",
      { inputs: [...Array(70).fill("a"), "bread ".repeat(63)] },
      "context_length_exceeded",
      "inputs[70]",
      /65 tokens/,
    ],
    ["a token that the model does not have", { inputs: [[1, 9999]] }, "invalid_request", "inputs[0].token_ids.ids[1]", /9999 is no token/],
    ["a negative token", { inputs: [[-1]] }, "invalid_request", "inputs[0].token_ids.ids[0]", /-1 is no token/],
    ["more dimensions than the model has", { inputs: ["a"], dimensions: 65 }, "invalid_request", "dimensions", /65 is more than the 64 /],
    ["options of ours", { inputs: ["a"], providerOptions: { "llama-cpp": {} } }, "unsupported_field", "provider_options", /no options/],
  ])("refuses %s by name", async (_name, ask, reason, field, message) => {
    const error = await failureOf(embed(ask));
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
    expect(error.rawMessage).toMatch(message);
  });

  it("is refused by a model that ranks", async () => {
    const error = await failureOf(embed({ model: "ranker", inputs: ["a"] }));
    expect([reasonOf(error), error.rawMessage]).toEqual(["model_state", expect.stringContaining("ranks documents")]);
  });
});

describe("embedding with a decoder that was made for it", () => {
  it("pools its states as its file says", async () => {
    const inputs = ["a b c", "a b d", "x y d"];
    const vectorsBy = async (model: string) => vectorsOf(await embed({ model, inputs }));
    const [mean, last] = [await vectorsBy("mean"), await vectorsBy("last")];
    for (const values of [...mean, ...last]) expect([values.length, Math.hypot(...values)]).toEqual([64, expect.closeTo(1, 5)]);
    // Two of three tokens are the same, which shows in the mean and hardly in the last state.
    expect(cosine(mean[0]!, mean[1]!)).toBeGreaterThan(cosine(last[0]!, last[1]!));
  });

  it("refuses too long a text, one beyond hope before it is cut into tokens", async () => {
    const error = await failureOf(embed({ model: "last", inputs: ["z".repeat(513)] }));
    expect(error.rawMessage).toMatch(/^inputs\[0\]: has 513 tokens.* reads 512 /);
    const hopeless = await failureOf(embed({ model: "last", inputs: ["z".repeat(100_000)] }));
    expect([reasonOf(hopeless), hopeless.rawMessage]).toEqual(["context_length_exceeded", expect.stringMatching(/at least \d+ tokens/)]);
  });
});

describe("embedding with a model that chats", () => {
  it("gives the state of the last token, and the model still chats", async () => {
    const answer = await embed({ model: "chats", inputs: ["hello", "other"] });
    const [one, other] = vectorsOf(answer);
    expect([one?.length, Math.hypot(...one!)]).toEqual([64, expect.closeTo(1, 5)]);
    expect(cosine(one!, other!)).toBeLessThan(0.999);
    const said = await answerOf(tiny.provider, userRequest("hi", { model: "chats", maxTokens: 3 }));
    expect(textOf(said)).not.toBe("");
  });
});

const folder = join(import.meta.dirname, "..", "..", "..", "..", "shared", "models");
const miniLm = join(folder, "all-MiniLM-L6-v2.Q8_0.gguf");
const reference = join(folder, "all-MiniLM-L6-v2.reference.json");

describe.skipIf(!existsSync(miniLm))("embedding with all-MiniLM-L6-v2", () => {
  interface Known {
    readonly text: string;
    readonly tokens: number;
    readonly embedding: readonly number[];
  }

  beforeAll(async () => {
    await tiny.library.addFile("minilm", miniLm, { purpose: "embed", trainedContextLength: 512 });
    await embed({ model: "minilm", inputs: ["load it"] });
  }, 60_000);

  it("comes as near to the reference vectors as its 8 bits allow, and counts their tokens", async () => {
    const known = JSON.parse(readFileSync(reference, "utf8")) as readonly Known[];
    for (const { text, tokens, embedding } of known) {
      const answer = await embed({ model: "minilm", inputs: [text] });
      expect(cosine(vectorsOf(answer)[0]!, embedding)).toBeGreaterThan(0.999);
      expect(answer.usage?.promptTokens).toBe(tokens);
    }
  });
});
