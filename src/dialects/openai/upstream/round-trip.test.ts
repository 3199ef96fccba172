import { clearField, clone, create, equals, toJson } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import type OpenAI from "openai";
import { describe, expect, expectTypeOf, it } from "vitest";
import { ChatRequestSchema, type ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import { ReasoningSchema, ToolChoiceMode } from "../../../../gen/parley/v1/messages_pb.ts";
import { SamplingSchema } from "../../../../gen/parley/v1/sampling_pb.ts";
import { refusedFields } from "../../../core/fields.ts";
import { defaultLimits } from "../../../core/limits.ts";
import { chatViolations } from "../../../layers/validate.ts";
import { randomRequest } from "../../../testing/random-request.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { seededDraw } from "../../../testing/seeded-random.ts";
import { chatRequestFromOpenAI } from "../request.ts";
import { openaiDialect } from "./dialect.ts";
import type { WireEmbeddings } from "./embeddings.ts";
import type { OpenAIKind } from "./quirk-rows.ts";
import type { WireChat } from "./wire.ts";

const requests = 4000;

/** The body that a kind of upstream gets for a request; undefined where it is refused. */
function bodyOf(kind: OpenAIKind, request: ChatRequest): object | undefined {
  const dialect = openaiDialect({ kind, quirks: {} });
  if (refusedFields(request, dialect.fields).length > 0) return undefined;
  try {
    return JSON.parse(JSON.stringify(dialect.chat(request, { isStream: false }).body)) as object;
  } catch (error) {
    if (error instanceof ConnectError) return undefined;
    throw error;
  }
}

/** Valid requests, but for what a body has no place for. */
function* validRequests(seed: number): Generator<ChatRequest> {
  const draw = seededDraw(seed);
  for (let made = 0; made < requests; made++) {
    const request = randomRequest("there", draw);
    delete request.providerOptions;
    if (request.rawPrompt === undefined && chatViolations(request, defaultLimits).length === 0) yield request;
  }
}

describe("a body that goes out", () => {
  it("is one that OpenAI's own types allow", () => {
    expectTypeOf<WireChat & { model: string }>().toExtend<OpenAI.ChatCompletionCreateParams>();
    expectTypeOf<WireEmbeddings>().toExtend<OpenAI.EmbeddingCreateParams>();
  });

  it.each(["openai", "vllm", "llama-server", "lan"] as const)("is the same again when %s's is read as a request of ours", (kind) => {
    let compared = 0;
    for (const request of validRequests(7)) {
      const body = bodyOf(kind, request);
      // Our own reader takes grammars under llama.cpp's name alone.
      if (body === undefined || "structured_outputs" in body) continue;
      expect(bodyOf(kind, chatRequestFromOpenAI(body).request)).toEqual(body);
      compared++;
    }
    expect(compared).toBeGreaterThan(requests / 8);
  });

  it("loses nothing of a request that OpenAI has a field for", () => {
    let compared = 0;
    for (const request of validRequests(11)) {
      const plain = travelling(request);
      const body = bodyOf("openai", plain);
      if (body === undefined) continue;
      const back = chatRequestFromOpenAI(body).request;
      expect(equals(ChatRequestSchema, back, plain), JSON.stringify([body, toJson(ChatRequestSchema, plain)])).toBe(true);
      compared++;
    }
    expect(compared).toBeGreaterThan(requests / 8);
  });
});

/** The request without what stays here, and with texts of JSON as a parser prints them. Its messages are the golden cases' matter. */
function travelling(request: ChatRequest): ChatRequest {
  const plain = clone(ChatRequestSchema, request);
  for (const name of stay) clearField(plain, ChatRequestSchema.field[name]);
  plain.messages = userRequest("Hello").messages;
  for (const { tool } of plain.tools) if (tool.case === "function") tool.value.parameters = printed(tool.value.parameters);
  for (const tool of plain.tools) delete tool.providerOptions;
  const format = plain.responseFormat?.format;
  if (format?.case === "jsonSchema") {
    format.value.schema = printed(format.value.schema);
    if (format.value.name === "") format.value.name = "answer";
  }
  clearEmpty(plain);
  return plain;
}

/** What says nothing is left out of a body: a message without fields, and what is said of tools where there are none. */
function clearEmpty(plain: ChatRequest): void {
  const { field } = ChatRequestSchema;
  if (plain.responseFormat?.format.case === undefined) clearField(plain, field.responseFormat);
  if (plain.sampling !== undefined && equals(SamplingSchema, plain.sampling, create(SamplingSchema))) clearField(plain, field.sampling);
  if (plain.reasoning !== undefined && equals(ReasoningSchema, plain.reasoning, create(ReasoningSchema)))
    clearField(plain, field.reasoning);
  clearChoice(plain);
}

function clearChoice(plain: ChatRequest): void {
  const { field } = ChatRequestSchema;
  const choice = plain.toolChoice;
  if (choice?.mode === ToolChoiceMode.NONE) choice.toolNames = [];
  if (choice?.mode === ToolChoiceMode.UNSPECIFIED && choice.toolNames.length > 0) choice.mode = ToolChoiceMode.AUTO;
  const isUnsaid = choice?.mode === ToolChoiceMode.UNSPECIFIED;
  if (plain.tools.length === 0 || isUnsaid) clearField(plain, field.toolChoice);
  if (plain.tools.length === 0) clearField(plain, field.parallelToolCalls);
}

const stay = ["metadata", "provider", "priority", "cache", "includeProgress", "continueFinalMessage"] as const;

function printed(json: string): string {
  try {
    return json === "" ? "" : JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}
