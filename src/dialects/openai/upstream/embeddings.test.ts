import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { EmbedRequestSchema } from "../../../../gen/parley/v1/embeddings_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { reasonThrown } from "../../../testing/openai-chunks.ts";
import { embedRequestFromOpenAI, embedResponseToOpenAI } from "../embeddings.ts";
import { openaiDialect } from "./dialect.ts";
import { quirkRows, type OpenAIKind } from "./quirk-rows.ts";

const asked = { provider: "upstream", model: "there", isCallersKey: false };
const embedOf = (kind: OpenAIKind) => {
  const { embed } = openaiDialect({ kind, quirks: {} });
  if (embed === undefined) throw new Error(`${kind} makes no vectors`);
  return embed;
};
const request = (more: MessageInitShape<typeof EmbedRequestSchema> = {}) =>
  create(EmbedRequestSchema, {
    model: "there",
    inputs: [{ input: { case: "text", value: "one" } }, { input: { case: "text", value: "two two" } }],
    ...more,
  });
const vector = (index: number, embedding: unknown) => ({ object: "embedding", index, embedding });
const read = (data: unknown, more: object = {}) => embedOf("openai").read({ object: "list", data, ...more }, request(), asked);

describe("asking for vectors", () => {
  it("asks for base64 where the upstream knows it, and for numbers elsewhere", () => {
    expect(embedOf("openai").ask(request({ dimensions: 2, endUserId: "ann" }))).toEqual({
      method: "POST",
      path: "/embeddings",
      headers: {},
      body: { model: "there", input: ["one", "two two"], encoding_format: "base64", dimensions: 2, user: "ann" },
    });
    expect(embedOf("lmstudio").ask(request()).body).toEqual({ model: "there", input: ["one", "two two"], encoding_format: "float" });
  });

  it("sends tokens as lists, and refuses texts among them", () => {
    const tokens = { input: { case: "tokenIds" as const, value: { ids: [1, 2] } } };
    expect(embedOf("vllm").ask(request({ inputs: [tokens, tokens] })).body).toMatchObject({
      input: [
        [1, 2],
        [1, 2],
      ],
    });
    expect(reasonThrown(() => embedOf("vllm").ask(request({ inputs: [tokens, ...request().inputs] })))).toBe("unsupported_field");
  });

  it("is not offered for upstreams that make none", () => {
    const without = (Object.keys(quirkRows) as OpenAIKind[]).filter((kind) => openaiDialect({ kind, quirks: {} }).embed === undefined);
    expect(without).toEqual(["huggingface", "deepseek"]);
  });
});

describe("reading vectors", () => {
  it("orders them by index, from numbers and from base64 alike", () => {
    const base64 = Buffer.from(new Float32Array([0.6, -0.8]).buffer).toString("base64");
    const answer = read([vector(1, [1, 0]), vector(0, base64)], { usage: { prompt_tokens: 3, total_tokens: 3 } });
    expect(answer.embeddings.map(({ values }) => values.map((value) => Math.round(value * 1e6) / 1e6))).toEqual([
      [0.6, -0.8],
      [1, 0],
    ]);
    expect(answer).toMatchObject({ model: "there", usage: { promptTokens: 3, completionTokens: 0, source: UsageSource.PROVIDER } });
  });

  it("scales them to length 1 where the upstream does not", () => {
    expect(read([vector(0, [3, 4]), vector(1, [0, 2])]).embeddings.map(({ values }) => values)).toEqual([
      [0.6, 0.8],
      [0, 1],
    ]);
  });

  it("estimates a usage that is not told", () => {
    expect(read([vector(0, [1]), vector(1, [1])]).usage).toMatchObject({ promptTokens: 3, source: UsageSource.ESTIMATED });
  });

  it.each([
    ["one is missing", [vector(0, [1])]],
    ["one is too many", [vector(0, [1]), vector(1, [1]), vector(2, [1])]],
    ["one came twice", [vector(0, [1]), vector(0, [1])]],
    ["an index is none of the inputs'", [vector(0, [1]), vector(2, [1])]],
    ["an index is no number", [vector(0, [1]), { embedding: [1], index: "1" }]],
    ["lengths differ", [vector(0, [1]), vector(1, [1, 0])]],
    ["one is empty", [vector(0, [1]), vector(1, [])]],
    ["one is nothing but zeros", [vector(0, [1]), vector(1, [0])]],
    ["a number is none", [vector(0, [1]), vector(1, ["1"])]],
    ["base64 is cut", [vector(0, [1]), vector(1, Buffer.from([0, 0, 128, 63, 0, 0, 128]).toString("base64"))]],
    ["base64 says no number", [vector(0, [1]), vector(1, Buffer.from(new Float32Array([Number.NaN]).buffer).toString("base64"))]],
    ["there is no list", {}],
  ])("is malformed when %s", (_, data) => {
    expect(reasonThrown(() => read(data))).toBe("provider_malformed");
  });

  it("is malformed when another length came than was asked for", () => {
    const read2 = () => embedOf("openai").read({ data: [vector(0, [1]), vector(1, [1])] }, request({ dimensions: 2 }), asked);
    expect(reasonThrown(read2)).toBe("provider_malformed");
  });

  it("throws the error inside a success", () => {
    expect(reasonThrown(() => embedOf("openai").read({ error: { code: 429, message: "slow down" } }, request(), asked))).toBe(
      "provider_rate_limited",
    );
    expect(reasonThrown(() => embedOf("openai").read("no", request(), asked))).toBe("provider_malformed");
  });

  it("gives back what our own server writes, in both of its forms", () => {
    const answer = read([vector(0, [0.6, 0.8]), vector(1, [1, 0])]);
    for (const isBase64 of [true, false]) {
      const again = embedOf("openai").read(JSON.parse(JSON.stringify(embedResponseToOpenAI(answer, { isBase64 }))), request(), asked);
      for (const [index, { values }] of again.embeddings.entries())
        for (const [at, value] of values.entries()) expect(value).toBeCloseTo(answer.embeddings[index]?.values[at] ?? 0, 6);
    }
    const body = embedOf("openai").ask(request({ dimensions: 2, endUserId: "ann" })).body;
    expect(embedRequestFromOpenAI(body)).toEqual({ request: request({ dimensions: 2, endUserId: "ann" }), isBase64: true });
  });
});
