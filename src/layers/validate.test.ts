import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { defaultLimits } from "../core/limits.ts";
import { userRequest } from "../testing/sample-request.ts";
import { chatViolations } from "./validate.ts";

type Init = MessageInitShape<typeof ChatRequestSchema>;

/** The fields that are at fault in a request that says hi and something more. */
const faultsOf = (more: Init) => chatViolations(userRequest("hi", more), defaultLimits).map(({ field }) => field);

describe("validate", () => {
  it("passes what is right, extremes included", () => {
    expect(faultsOf({})).toEqual([]);
    const sampling = {
      temperature: 0,
      topP: 1,
      topK: 0,
      minP: 0,
      seed: -1n,
      presencePenalty: -2,
      repeatPenalty: 2,
      logitBias: { 0: -100 },
    };
    expect(faultsOf({ model: "meta/llama:8b@q4", maxTokens: 1, choices: 128, stop: ["x"], topLogprobs: 20, sampling })).toEqual([]);
  });

  const wrong: readonly [string, Init, string][] = [
    ["a path as a model's name", { model: "../../etc/passwd" }, "model"],
    ["a model's name that is too long", { model: "m".repeat(257) }, "model"],
    ["max_tokens of 0", { maxTokens: 0 }, "max_tokens"],
    ["min_tokens above max_tokens", { maxTokens: 1, minTokens: 2 }, "min_tokens"],
    ["no choice", { choices: 0 }, "choices"],
    ["too many choices", { choices: 129 }, "choices"],
    ["an empty stop text", { stop: ["a", ""] }, "stop[1]"],
    ["a stop text that is too long", { stop: ["x".repeat(1025)] }, "stop[0]"],
    ["half a character as a stop text", { stop: ["\udf89"] }, "stop[0]"],
    ["too many stop texts", { stop: Array.from({ length: 17 }, () => "x") }, "stop"],
    ["too many logprobs", { topLogprobs: 21 }, "top_logprobs"],
    ["a temperature that is no number", { sampling: { temperature: Number.NaN } }, "sampling.temperature"],
    ["an infinite temperature", { sampling: { temperature: Infinity } }, "sampling.temperature"],
    ["top_p of 0", { sampling: { topP: 0 } }, "sampling.top_p"],
    ["a negative top_k", { sampling: { topK: -1 } }, "sampling.top_k"],
    ["a bias of a negative token", { sampling: { logitBias: { [-1]: 1 } } }, "sampling.logit_bias"],
    ["a bias out of range", { sampling: { logitBias: { 1: 101 } } }, "sampling.logit_bias"],
    ["xtc out of range", { sampling: { xtc: { probability: 2, threshold: 0 } } }, "sampling.xtc.probability"],
    ["a negative dry multiplier", { sampling: { dry: { multiplier: -1 } } }, "sampling.dry.multiplier"],
    ["messages beside a raw prompt", { rawPrompt: { prompt: { case: "text", value: "x" } } }, "messages"],
    ["an empty raw prompt", { messages: [], rawPrompt: {} }, "raw_prompt"],
    ["a negative token id", { messages: [], rawPrompt: { prompt: { case: "tokenIds", value: { ids: [-1] } } } }, "raw_prompt.token_ids"],
    ["no message at all", { messages: [] }, "messages"],
    ["a message without a role", { messages: [{ parts: [] }] }, "messages[0].role"],
    ["a role that no version knows", { messages: [{ role: 77 as Role }] }, "messages[0].role"],
    ["a part of no kind", { messages: [{ role: Role.USER, parts: [{}] }] }, "messages[0].parts[0]"],
    [
      "an image without a source",
      { messages: [{ role: Role.USER, parts: [{ part: { case: "image", value: {} } }] }] },
      "messages[0].parts[0].image",
    ],
    ["a tool without a name", { tools: [{ tool: { case: "function", value: {} } }] }, "tools[0].function.name"],
    ["a required tool where there is none", { toolChoice: { mode: 3 } }, "tool_choice"],
    ["a choice among tools that are not there", { toolChoice: { mode: 1, toolNames: ["f"] } }, "tool_choice.tool_names"],
    ["a priority that no version knows", { priority: 9 as 1 }, "priority"],
    ["an effort that no version knows", { reasoning: { effort: 99 as 1 } }, "reasoning.effort"],
    ["too much metadata", { metadata: { key: "v".repeat(513) } }, "metadata"],
    ["going on without an assistant's message", { continueFinalMessage: true }, "continue_final_message"],
    ["a time to live of 0", { cache: { ttlSeconds: 0 } }, "cache.ttl_seconds"],
  ];
  it.each(wrong)("names the field of %s", (_what, more, field) => {
    expect(faultsOf(more)).toContain(field);
  });

  it("names every field at once", () => {
    expect(faultsOf({ maxTokens: 0, choices: 0, stop: [""] })).toEqual(["stop[0]", "max_tokens", "choices"]);
  });

  it("holds each count to its configured limit", () => {
    const chat = create(ChatRequestSchema, {
      messages: Array.from({ length: 3 }, () => ({ role: Role.USER, parts: [{ part: { case: "text" as const, value: {} } }] })),
    });
    expect(chatViolations(chat, { ...defaultLimits, maxMessages: 2 })).toEqual([
      expect.objectContaining({ field: "messages", description: expect.stringContaining("maxMessages") }),
    ]);
  });
});
