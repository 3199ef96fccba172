import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { TokenizeResponseSchema } from "../../../gen/parley/v1/tokens_pb.ts";
import { detokenizeFromBody, tokensFromBody, tokensParamOf } from "./tokens.ts";

const messages = [{ role: "user", content: "hi" }];

describe("what is not said of special tokens", () => {
  it.each([
    ["llama-server's content begins without one, and may hold them", { content: "a" }, [false, true]],
    ["vLLM's prompt begins with one", { prompt: "a" }, [true, true]],
    ["a conversation begins as a chat of it would", { messages }, [true, true]],
    ["content, told otherwise", { content: "a", add_special: true, parse_special: false }, [true, false]],
    ["a prompt, told otherwise", { prompt: "a", add_special_tokens: false }, [false, true]],
    ["a conversation, told otherwise", { messages, add_special_tokens: false }, [false, true]],
  ])("%s", (_name, body, expected) => {
    const { addSpecialTokens, parseSpecialTokens } = tokensFromBody(body).request;
    expect([addSpecialTokens, parseSpecialTokens]).toEqual(expected);
  });
});

describe("an answer has the shape of whom the body is of", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const answer = create(TokenizeResponseSchema, { tokenIds: [5, 6], pieces: [bytes("é"), Uint8Array.of(0xf0, 0x9f)] });

  it.each<[string, object, unknown]>([
    ["llama-server's", { content: "a" }, { tokens: [5, 6] }],
    [
      "llama-server's with pieces",
      { content: "a", with_pieces: true },
      {
        tokens: [
          { id: 5, piece: "é" },
          { id: 6, piece: [0xf0, 0x9f] },
        ],
      },
    ],
    ["vLLM's", { prompt: "a" }, { count: 2, max_model_len: 99, tokens: [5, 6], token_strs: null }],
    [
      "vLLM's with its texts",
      { prompt: "a", return_token_strs: true },
      { count: 2, max_model_len: 99, tokens: [5, 6], token_strs: ["é", "\ufffd"] },
    ],
  ])("%s", (_name, body, expected) => expect(tokensFromBody(body).write(answer, 99)).toEqual(expected));

  it("and null where nobody knows how much the model holds", () => {
    expect(tokensFromBody({ prompt: "a" }).write(answer, undefined)).toMatchObject({ max_model_len: null });
  });
});

it("fields are named as the body names them", () => {
  expect(["text", "model"].map(tokensParamOf({ content: "a" }))).toEqual(["content", "model"]);
  expect(["text", "token_ids[3]"].map(tokensParamOf({ prompt: "a" }))).toEqual(["prompt", "tokens[3]"]);
  expect(["messages[0].parts[0].text"].map(tokensParamOf({ messages }))).toEqual(["messages[0].content"]);
  expect(detokenizeFromBody({ tokens: [1, 2], model: null })).toMatchObject({ tokenIds: [1, 2], model: "" });
});
