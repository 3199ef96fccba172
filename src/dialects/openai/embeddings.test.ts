import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { EmbedResponseSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { embeddingParamOf, embedRequestFromOpenAI, embedResponseToOpenAI } from "./embeddings.ts";

const inputsOf = (input: unknown) => embedRequestFromOpenAI({ model: "m", input }).request.inputs.map((each) => each.input);
const text = (value: string) => ({ case: "text", value });
const tokens = (...ids: number[]) => ({ case: "tokenIds", value: expect.objectContaining({ ids }) });

describe("a body of /v1/embeddings", () => {
  it.each<[string, unknown, unknown[]]>([
    ["a text", "hi", [text("hi")]],
    ["texts", ["hi", "ho"], [text("hi"), text("ho")]],
    ["one list of tokens", [1, 2], [tokens(1, 2)]],
    ["lists of tokens", [[1, 2], [3]], [tokens(1, 2), tokens(3)]],
    ["nothing, which is refused behind the door", [], []],
  ])("may ask for %s", (_name, input, expected) => {
    expect(inputsOf(input)).toEqual(expected);
  });

  it("says how long vectors are, how they are written, and for whom", () => {
    const asked = embedRequestFromOpenAI({ model: "m", input: "hi", dimensions: 8, user: "u", encoding_format: "base64" });
    expect(asked).toMatchObject({ isBase64: true, request: { model: "m", dimensions: 8, endUserId: "u" } });
    expect(embedRequestFromOpenAI({ model: "m", input: "hi", encoding_format: null, dimensions: null })).toMatchObject({ isBase64: false });
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ["no input", { model: "m" }, "invalid_request", "input"],
    ["no model", { input: "hi" }, "invalid_request", "model"],
    ["an input of another type", { model: "m", input: { text: "hi" } }, "invalid_request", "input"],
    ["inputs of two types with one that is none", { model: "m", input: ["hi", 7] }, "invalid_request", "input[1]"],
    ["half a token", { model: "m", input: [[1, 2.5]] }, "invalid_request", "input[0][1]"],
    ["another format", { model: "m", input: "hi", encoding_format: "int8" }, "invalid_request", "encoding_format"],
    ["a task, which would change the vectors", { model: "m", input: "hi", input_type: "query" }, "unsupported_field", "input_type"],
  ])("is refused with %s", async (_name, body, reason, field) => {
    const error = await failureOf((async () => embedRequestFromOpenAI(body))());
    expect([reasonOf(error), fieldOf(error)]).toEqual([reason, field]);
  });

  it("has its fields named as it names them", () => {
    const list = embeddingParamOf({ input: ["a", "b"] });
    expect(["inputs[1].text", "inputs", "dimensions", "end_user_id"].map(list)).toEqual(["input[1]", "input", "dimensions", "user"]);
    expect(embeddingParamOf({ input: "a" })("inputs[0].text")).toBe("input");
    expect(embeddingParamOf({ input: [1, -2] })("inputs[0].token_ids.ids[1]")).toBe("input[1]");
    expect(embeddingParamOf({ input: [[1, -2]] })("inputs[0].token_ids.ids[1]")).toBe("input[0][1]");
    expect(embeddingParamOf(undefined)("inputs[0]")).toBe("input");
  });
});

describe("an answer of /v1/embeddings", () => {
  const response = create(EmbedResponseSchema, { model: "m", embeddings: [{ values: [0.5, -1] }], usage: { promptTokens: 3 } });

  it("holds numbers, or the same numbers in base64", () => {
    expect(embedResponseToOpenAI(response, { isBase64: false })).toEqual({
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: [0.5, -1] }],
      model: "m",
      usage: { prompt_tokens: 3, total_tokens: 3 },
    });
    expect(embedResponseToOpenAI(response, { isBase64: true })).toMatchObject({ data: [{ embedding: "AAAAPwAAgL8=" }] });
  });
});
