import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { EmbedRequestSchema } from "../../gen/parley/v1/embeddings_pb.ts";
import { WarmPromptRequestSchema, WarmPromptResponseSchema } from "../../gen/parley/v1/models_pb.ts";
import { RerankRequestSchema } from "../../gen/parley/v1/rerank_pb.ts";
import {
  DetokenizeRequestSchema,
  RenderPromptRequestSchema,
  RenderPromptResponseSchema,
  TokenizeRequestSchema,
} from "../../gen/parley/v1/tokens_pb.ts";
import { defaultLimits } from "../core/limits.ts";
import { fieldOf, reasonOf } from "../core/reasons.ts";
import { once } from "../core/stream.ts";
import { detokenizeKind, embedKind, renderPromptKind, rerankKind, tokenizeKind, warmPromptKind } from "../core/unary-kinds.ts";
import { testContext } from "../testing/call-context.ts";
import { failureOf } from "../testing/collect-events.ts";
import { userRequest } from "../testing/sample-request.ts";
import { unaryViolations } from "./validate-unary.ts";
import { validate } from "./validate.ts";

const limits = { ...defaultLimits, maxTextBytes: 8, maxTokenIds: 3, maxInputs: 2, maxDocuments: 2 };

/** The fields that are at fault. */
function faultsOf<Schema extends DescMessage>(operation: string, schema: Schema, init: MessageInitShape<Schema>): string[] {
  return unaryViolations.get(operation)!(create(schema, init) as never, limits).map(({ field }) => field);
}

const text = (value: string) => ({ input: { case: "text" as const, value } });
const ids = (...tokens: number[]) => ({ input: { case: "tokenIds" as const, value: { ids: tokens } } });

describe("a request for embeddings", () => {
  it.each<[string, MessageInitShape<typeof EmbedRequestSchema>, string[]]>([
    ["right", { inputs: [text("12345678"), ids(1, 2, 3)], dimensions: 65_536 }, []],
    ["of nothing", {}, ["inputs"]],
    ["of too many inputs", { inputs: [text("a"), text("b"), text("c")] }, ["inputs"]],
    ["with an input that is neither text nor tokens", { inputs: [{}] }, ["inputs[0]"]],
    ["with an empty text", { inputs: [text("a"), text("")] }, ["inputs[1].text"]],
    ["with too long a text, in bytes", { inputs: [text("ééééé")] }, ["inputs[0].text"]],
    ["with no tokens", { inputs: [ids()] }, ["inputs[0].token_ids"]],
    ["with too many tokens", { inputs: [ids(1, 2, 3, 4)] }, ["inputs[0].token_ids"]],
    ["with no dimensions", { inputs: [text("a")], dimensions: 0 }, ["dimensions"]],
    ["with too many dimensions", { inputs: [text("a")], dimensions: 65_537 }, ["dimensions"]],
    ["with too long a name of who asks", { inputs: [text("a")], endUserId: "u".repeat(257) }, ["end_user_id"]],
    ["for a path as a model", { inputs: [text("a")], model: "../x", provider: "UP" }, ["model", "provider"]],
  ])("is %s", (_name, init, fields) => {
    expect(faultsOf(embedKind.operation, EmbedRequestSchema, init)).toEqual(fields);
  });
});

describe("a request to rerank", () => {
  it.each<[string, MessageInitShape<typeof RerankRequestSchema>, string[]]>([
    ["right", { query: "q", documents: ["a", ""], topN: 2048 }, []],
    ["of nothing", {}, ["query", "documents"]],
    ["of too many documents", { query: "q", documents: ["a", "b", "c"] }, ["documents"]],
    ["of texts that are too long", { query: "123456789", documents: ["a", "123456789"] }, ["query", "documents[1]"]],
    ["for none of the best", { query: "q", documents: ["a"], topN: 0 }, ["top_n"]],
    ["for too many of the best", { query: "q", documents: ["a"], topN: 2049 }, ["top_n"]],
  ])("is %s", (_name, init, fields) => {
    expect(faultsOf(rerankKind.operation, RerankRequestSchema, init)).toEqual(fields);
  });
});

describe("a request about tokens", () => {
  it("is measured", () => {
    expect(faultsOf(tokenizeKind.operation, TokenizeRequestSchema, { text: "" })).toEqual([]);
    expect(faultsOf(tokenizeKind.operation, TokenizeRequestSchema, { text: "123456789" })).toEqual(["text"]);
    expect(faultsOf(detokenizeKind.operation, DetokenizeRequestSchema, { tokenIds: [1, -2] })).toEqual(["token_ids[1]"]);
    expect(faultsOf(detokenizeKind.operation, DetokenizeRequestSchema, { tokenIds: [1, 2, 3, 4] })).toEqual(["token_ids"]);
  });
});

describe("a request about a prompt", () => {
  const layer = validate(defaultLimits);
  const context = testContext(userRequest("hi"));

  it("is held to what a chat is held to", async () => {
    const render = layer(() => once(async () => create(RenderPromptResponseSchema)), renderPromptKind);
    const error = await failureOf((async () => render(create(RenderPromptRequestSchema), context))());
    expect([reasonOf(error), fieldOf(error)]).toEqual(["invalid_request", "chat"]);
    const warm = layer(() => once(async () => create(WarmPromptResponseSchema)), warmPromptKind);
    const empty = await failureOf((async () => warm(create(WarmPromptRequestSchema), context))());
    expect([reasonOf(empty), fieldOf(empty)]).toEqual(["invalid_request", "messages"]);
    const { messages } = userRequest("hi");
    expect(() => warm(create(WarmPromptRequestSchema, { messages }), context)).not.toThrow();
  });
});
