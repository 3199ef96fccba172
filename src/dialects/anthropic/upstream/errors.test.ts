import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../../../gen/google/rpc/error_details_pb.ts";
import { reasonOf, retryAfterMsOf } from "../../../core/reasons.ts";
import type { AnswerHeaders } from "../../retry-after.ts";
import { anthropicDialect } from "./dialect.ts";

const asked = { provider: "claude", model: "claude-sonnet-4-5", isCallersKey: false };
const dialect = anthropicDialect({ kind: "anthropic", quirks: {} });

describe("a refusal by Anthropic", () => {
  const refusal = (...[status, type, message, headers = {}]: [number, string, string, AnswerHeaders?]) =>
    dialect.errorOf({ status, headers, body: JSON.stringify({ type: "error", error: { type, message } }) }, asked, 1_000_000);

  it.each([
    [401, "authentication_error", "invalid x-api-key", "provider_credentials", /put a valid one into the configuration/],
    [403, "permission_error", "no access", "provider_credentials", /does not let its API key use "claude-sonnet-4-5"/],
    [402, "billing_error", "pay", "provider_rate_limited", /quota or credit .* is used up/],
    [400, "invalid_request_error", "Your credit balance is too low to access the API", "provider_rate_limited", /quota or credit/],
    [404, "not_found_error", "model: claude-sonnet-4-5", "model_not_found", /claude has no model "claude-sonnet-4-5": check/],
    [429, "rate_limit_error", "slow down", "provider_rate_limited", /limits the rate/],
    [500, "api_error", "Internal server error", "provider_error", /failed with status 500/],
    [529, "overloaded_error", "Overloaded", "provider_unavailable", /overloaded/],
    [503, "api_error", "x", "provider_unavailable", /overloaded/],
    [413, "request_too_large", "Request exceeds the maximum size", "context_length_exceeded", /too large for claude/],
    [400, "invalid_request_error", "Output blocked by content filtering policy", "content_filtered", /filters/],
    [400, "invalid_request_error", "temperature: too high", "invalid_request", /temperature: too high/],
    [301, "", "", "provider_malformed", /check its base URL/],
  ])("with %i %s %s says what has to be done", (...[status, type, message, reason, says]) => {
    const error = refusal(status, type, message);
    expect(reasonOf(error)).toBe(reason);
    expect(error.rawMessage).toMatch(says);
  });

  it("says how long the prompt is and how long it may be", () => {
    for (const [words, promptTokens, says] of [
      ["prompt is too long: 210000 tokens > 200000 maximum", "210000", "the prompt has 210000 tokens, and"],
      ["input length and `max_tokens` exceed context limit: 197202 + 21333 > 200000, decrease", "197202", "too many beside max_tokens"],
    ] as const) {
      const error = refusal(400, "invalid_request_error", words);
      expect(reasonOf(error)).toBe("context_length_exceeded");
      expect(error.rawMessage).toContain(says);
      expect(error.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({ prompt_tokens: promptTokens, context_length: "200000" });
    }
  });

  it("of the caller's own key is the caller's to mend", () => {
    const own = { ...asked, isCallersKey: true };
    const of = (status: number) => reasonOf(dialect.errorOf({ status, headers: {}, body: "{}" }, own, 0));
    expect([of(401), of(403)]).toEqual(["unauthenticated", "permission_denied"]);
  });

  it("is heeded for as long as it says, in each form", () => {
    const after = (headers: AnswerHeaders) => retryAfterMsOf(refusal(429, "rate_limit_error", "x", headers));
    expect(after({ "retry-after": "2" })).toBe(2000);
    expect(after({ "retry-after-ms": "1500", "retry-after": "2" })).toBe(1500);
    expect(after({ "retry-after": new Date(1_000_000 + 30_000).toUTCString() })).toBe(30_000);
    expect(after({})).toBeUndefined();
  });

  it("tells no key and no page, and not all of a long text", () => {
    const error = refusal(401, "authentication_error", `invalid key sk-ant-api03-abcdefgh123 ${"x".repeat(5000)}`);
    expect(error.rawMessage).not.toContain("sk-ant");
    expect(error.rawMessage.length).toBeLessThan(600);
    const page = dialect.errorOf({ status: 502, headers: {}, body: "<html><h1>Bad gateway</h1></html>" }, asked, 0);
    expect([reasonOf(page), page.rawMessage]).toEqual(["provider_error", "claude failed with status 502"]);
  });
});
