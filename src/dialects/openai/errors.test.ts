import { describe, expect, it } from "vitest";
import { fault, invalidField } from "../../core/reasons.ts";
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
    ["reasoning.effort", {}, "reasoning_effort"],
    ["response_format.grammar", { grammar: "x" }, "grammar"],
    ["response_format.json_schema", { response_format: {} }, "response_format"],
    ["messages[2].parts[0].image", {}, "messages[2].content"],
    ["messages[2].parts[1].tool_call.name", {}, "messages[2].tool_calls"],
    ["messages[2].role", {}, "messages[2].role"],
    ["sampling.xtc.threshold", {}, "xtc_threshold"],
    ["messages[0].content[1].image_url.url", {}, "messages[0].content[1].image_url.url"],
    ["__proto__", {}, "__proto__"],
  ])("for %s in %o is %s", (field, body, param) => {
    expect(errorToOpenAI(invalidField(field, "x"), paramOf(body)).error.param).toBe(param);
  });

  it("is null when no field is at fault", () => {
    expect(errorToOpenAI(fault("internal", "internal error"))).toEqual({
      error: { message: "internal error", type: "server_error", param: null, code: "internal_error" },
    });
  });
});

describe("retry headers", () => {
  it("are both forms of the delay, rounded up and never so short that a client hammers", () => {
    expect(retryHeaders(fault("queue_full", "x", { retryAfterMs: 1001 }))).toEqual({
      "x-should-retry": "true",
      "retry-after": "2",
      "retry-after-ms": "1001",
    });
    expect(retryHeaders(fault("rate_limited", "x", { retryAfterMs: 0 }))).toEqual({ "retry-after": "1", "retry-after-ms": "100" });
    expect(retryHeaders(fault("invalid_request", "x"))).toEqual({});
  });
});
