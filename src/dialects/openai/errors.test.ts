import { describe, expect, it } from "vitest";
import { fault, invalidField, unsupportedField } from "../../core/reasons.ts";
import { errorToOpenAI, paramOf, retryHeaders } from "./errors.ts";

describe("an error's param", () => {
  it.each([
    ["sampling.temperature", {}, "temperature"],
    ["sampling.logit_bias", {}, "logit_bias"],
    ["choices", {}, "n"],
    ["max_tokens", { max_completion_tokens: 1 }, "max_completion_tokens"],
    ["max_tokens", { max_tokens: 1 }, "max_tokens"],
    ["sampling.repeat_penalty", { repetition_penalty: 1 }, "repetition_penalty"],
    ["end_user_id", { safety_identifier: "x" }, "safety_identifier"],
    ["max_tokens", { n_predict: 1, max_tokens: null }, "n_predict"],
    ["top_logprobs", { logprobs: true }, "logprobs"],
    ["top_logprobs", { logprobs: true, top_logprobs: null }, "logprobs"],
    ["top_logprobs", { logprobs: true, top_logprobs: 21 }, "top_logprobs"],
    ["reasoning.effort", {}, "reasoning_effort"],
    ["reasoning", { thinking_token_budget: 1 }, "thinking_token_budget"],
    ["sampling.dry", { dry_base: 2 }, "dry_base"],
    ["tool_choice.tool_names", {}, "tool_choice"],
    ["provider_options", { store: true }, "store"],
    ["response_format.grammar", { grammar: "x" }, "grammar"],
    ["response_format.json_schema", { response_format: {} }, "response_format.json_schema"],
    ["response_format.json_schema", { guided_json: {} }, "guided_json"],
    ["response_format.type", { response_format: {} }, "response_format.type"],
    ["repeat_penalty", { repeat_penalty: "x", repetition_penalty: 1 }, "repeat_penalty"],
    ["max_tokens", { max_tokens: "x", max_completion_tokens: 1 }, "max_tokens"],
    ["messages[2].parts[0].image", {}, "messages[2].content"],
    ["messages[2].parts[1].tool_call.name", {}, "messages[2].tool_calls"],
    ["messages[2].role", {}, "messages[2].role"],
    ["sampling.xtc.threshold", {}, "xtc_threshold"],
    ["messages[0].content[1].image_url.url", {}, "messages[0].content[1].image_url.url"],
    ["__proto__", {}, "__proto__"],
  ])("for %s in %o is %s", (field, body, param) => {
    expect(errorToOpenAI(invalidField(field, "x"), paramOf(body)).error.param).toBe(param);
  });

  it.each([
    [invalidField("sampling.temperature", "9 is outside 0 to 2"), {}, "temperature: 9 is outside 0 to 2"],
    [invalidField("choices", "is below 1"), {}, "n: is below 1"],
    [
      unsupportedField("messages[0].parts[1].image", "echo repeats text only"),
      {},
      "messages[0].content: is not supported: echo repeats text only",
    ],
    [
      unsupportedField("top_logprobs", "echo has no probabilities"),
      { logprobs: true },
      "logprobs: is not supported: echo has no probabilities",
    ],
    [fault("invalid_request", "choices are too many", { fields: [{ field: "choices", description: "x" }] }), {}, "choices are too many"],
  ])("begins the message too: %s", (error, body, message) => {
    expect(errorToOpenAI(error, paramOf(body)).error.message).toBe(message);
  });

  it("has no half of a surrogate pair, nor has the message", () => {
    const { message, param } = errorToOpenAI(invalidField("metadata.\ud800", "\udc00"), paramOf({})).error;
    expect([message, param]).toEqual(["metadata.\ufffd: \ufffd", "metadata.\ufffd"]);
  });

  it("is null when no field is at fault", () => {
    expect(errorToOpenAI(fault("internal", "internal error"))).toEqual({
      error: { message: "internal error", type: "server_error", param: null, code: "internal_error" },
    });
  });
});

describe("retry headers", () => {
  it("are both forms of the delay, rounded up and never so short that a client hammers", () => {
    const none = () => 0;
    expect(retryHeaders(fault("queue_full", "x", { retryAfterMs: 1001 }), none)).toEqual({
      "x-should-retry": "true",
      "retry-after": "2",
      "retry-after-ms": "1001",
    });
    expect(retryHeaders(fault("rate_limited", "x", { retryAfterMs: 0 }), none)).toEqual({ "retry-after": "1", "retry-after-ms": "100" });
    expect(retryHeaders(fault("invalid_request", "x"))).toEqual({});
  });

  it("keep SDKs from asking again where no waiting helps: a quota is used up, an answer was made and could not be read", () => {
    const quota = fault("provider_rate_limited", "no credit", { metadata: { quota: "exhausted" } });
    expect([retryHeaders(quota), errorToOpenAI(quota).error.code]).toEqual([{ "x-should-retry": "false" }, "insufficient_quota"]);
    const rate = fault("provider_rate_limited", "slower");
    expect([retryHeaders(rate), errorToOpenAI(rate).error.code]).toEqual([{}, "provider_rate_limited"]);
    expect(retryHeaders(fault("provider_malformed", "no JSON"))).toEqual({ "x-should-retry": "false" });
  });

  it("tell a tenth more ms to some, and never less, so that those refused together do not come back together", () => {
    const told = (random: number) => retryHeaders(fault("queue_full", "x", { retryAfterMs: 2000 }), () => random)["retry-after-ms"];
    expect([told(0), told(0.5), told(1)]).toEqual(["2000", "2100", "2200"]);
    const seconds = (random: number) => retryHeaders(fault("queue_full", "x", { retryAfterMs: 2000 }), () => random)["retry-after"];
    expect([seconds(0), seconds(0.5), seconds(1)]).toEqual(["2", "3", "3"]);
    const some = Array.from({ length: 50 }, () => retryHeaders(fault("queue_full", "x", { retryAfterMs: 2000 }))["retry-after-ms"]);
    expect(new Set(some).size).toBeGreaterThan(5);
  });
});
