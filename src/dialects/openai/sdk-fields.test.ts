import { toJson } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbedRequestSchema } from "../../../gen/parley/v1/embeddings_pb.ts";
import { defaultLimits } from "../../core/limits.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { completionFromOpenAI } from "./completions/request.ts";
import { embedRequestFromOpenAI } from "./embeddings.ts";
import { chatRequestFromOpenAI } from "./request.ts";

// Every field that OpenAI's client knows of a request: a value of it changes what is asked, or is refused by its name. A field that the client gets anew fails the compiler here.

/** `refused`, or what else the body must say for the value to make sense. */
type Fate = "refused" | "read" | Readonly<Record<string, unknown>>;
type Cases<Params> = { readonly [Field in keyof Required<Params>]: readonly [value: NonNullable<Params[Field]>, fate: Fate] };

const schema = { type: "object", properties: {} };
const tools = [{ type: "function" as const, function: { name: "f" } }];

const chats: Cases<OpenAI.ChatCompletionCreateParams> = {
  messages: [[{ role: "developer", content: "other" }], "read"],
  model: ["m", "read"],
  audio: [{ format: "wav", voice: "alloy" }, "refused"],
  frequency_penalty: [0.5, "read"],
  function_call: ["auto", "refused"],
  functions: [[{ name: "f" }], "refused"],
  logit_bias: [{ "5": -100 }, "read"],
  logprobs: [true, "read"],
  max_completion_tokens: [5, "read"],
  max_tokens: [5, "read"],
  metadata: [{ team: "a" }, "read"],
  modalities: [["text", "audio"], "refused"],
  moderation: [{ model: "m" }, "refused"],
  n: [2, "read"],
  parallel_tool_calls: [false, "read"],
  prediction: [{ type: "content", content: "x" }, "read"],
  presence_penalty: [0.5, "read"],
  prompt_cache_key: ["k", "read"],
  prompt_cache_options: [{ mode: "explicit" }, "read"],
  prompt_cache_retention: ["24h", "read"],
  reasoning_effort: ["low", "read"],
  response_format: [{ type: "json_schema", json_schema: { name: "a", schema } }, "read"],
  safety_identifier: ["u", "read"],
  seed: [7, "read"],
  service_tier: ["flex", "read"],
  stop: [["a", "b"], "read"],
  store: [true, "read"],
  stream: [true, "read"],
  stream_options: [{ include_usage: true }, "read"],
  temperature: [0.5, "read"],
  tool_choice: ["required", { tools }],
  tools: [tools, "read"],
  top_logprobs: [2, { logprobs: true }],
  top_p: [0.5, "read"],
  user: ["u", "read"],
  verbosity: ["low", "read"],
  web_search_options: [{}, "refused"],
};

const completions: Cases<OpenAI.CompletionCreateParams> = {
  model: ["m", "read"],
  prompt: ["other", "read"],
  best_of: [3, "read"],
  echo: [true, "read"],
  frequency_penalty: [0.5, "read"],
  logit_bias: [{ "5": -100 }, "read"],
  logprobs: [2, "read"],
  max_tokens: [5, "read"],
  n: [2, "read"],
  presence_penalty: [0.5, "read"],
  seed: [7, "read"],
  stop: ["a", "read"],
  stream: [true, "read"],
  stream_options: [{ include_usage: true }, "read"],
  suffix: ["end", "read"],
  temperature: [0.5, "read"],
  top_p: [0.5, "read"],
  user: ["u", "read"],
};

const embeddings: Cases<OpenAI.EmbeddingCreateParams> = {
  model: ["other", "read"],
  input: ["other", "read"],
  dimensions: [4, "read"],
  encoding_format: ["base64", "read"],
  user: ["u", "read"],
};

const readers = {
  chats: (body: object) => {
    const { request, ...stream } = chatRequestFromOpenAI({ messages: [{ role: "user", content: "x" }], ...body });
    return [toJson(ChatRequestSchema, request), stream];
  },
  completions: (body: object) => {
    const { requests, ...form } = completionFromOpenAI({ prompt: "x", ...body }, defaultLimits);
    return [requests.map((request) => toJson(ChatRequestSchema, request)), form];
  },
  embeddings: (body: object) => {
    const { request, ...form } = embedRequestFromOpenAI({ model: "e", input: "x", ...body });
    return [toJson(EmbedRequestSchema, request), form];
  },
};

function holds(reader: (body: object) => unknown, cases: Readonly<Record<string, readonly [value: unknown, fate: Fate]>>): void {
  it.each(Object.entries(cases).map(([field, [value, fate]]) => ({ field, value, fate })))("$field", ({ field, value, fate }) => {
    const beside = typeof fate === "string" ? {} : fate;
    const said = () => reader({ ...beside, [field]: value });
    if (fate === "refused") {
      const error = thrownBy(said);
      expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual(["unsupported_field", field]);
    } else expect(said()).not.toEqual(reader(beside));
  });

  it.each(Object.keys(cases))("%s says nothing where it is null, or is required", (field) => {
    const error = thrownBy(() => expect(reader({ [field]: null })).toEqual(reader({})));
    if (error !== undefined) expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual(["invalid_request", field]);
  });
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe("a field of a chat that OpenAI's client knows is read or refused:", () => holds(readers.chats, chats));
describe("a field of a completion that OpenAI's client knows is read or refused:", () => holds(readers.completions, completions));
describe("a field of embeddings that OpenAI's client knows is read or refused:", () => holds(readers.embeddings, embeddings));
