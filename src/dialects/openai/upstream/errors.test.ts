import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../../../gen/google/rpc/error_details_pb.ts";
import { fieldOf, reasonOf, retryAfterMsOf } from "../../../core/reasons.ts";
import { openaiDialect } from "./dialect.ts";
import type { OpenAIKind } from "./quirk-rows.ts";

/** Refusals as servers write them: what each is, and what has to be made of it. */
interface Recorded {
  readonly tooLong: readonly (Told & { readonly promptTokens: number; readonly contextLength: number })[];
  readonly refusals: readonly (Told & { readonly reason: string; readonly words: string })[];
  readonly unsupported: readonly (Told & { readonly field: string })[];
}

interface Told {
  readonly what: string;
  readonly status: number;
  readonly body: unknown;
}

const recorded = JSON.parse(readFileSync(join(import.meta.dirname, "testdata", "refusals.json"), "utf8")) as Recorded;
const nowMs = Date.parse("2026-11-21T12:00:00Z");
const asked = { provider: "upstream", model: "there", isCallersKey: false };

interface Refused {
  readonly kind?: OpenAIKind;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly isCallersKey?: boolean;
}

function faultOf(status: number, body: unknown, { kind = "lan", headers = {}, isCallersKey = false }: Refused = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return openaiDialect({ kind, quirks: {} }).errorOf({ status, headers, body: text }, { ...asked, isCallersKey }, nowMs);
}

const told = (message: string, more: object = {}) => ({
  error: { message, type: "invalid_request_error", param: null, code: null, ...more },
});

describe("a prompt that is too long", () => {
  it.each(recorded.tooLong)("$what is told with both numbers", ({ status, body, promptTokens, contextLength }) => {
    const fault = faultOf(status, body);
    expect(reasonOf(fault)).toBe("context_length_exceeded");
    expect(fault.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({
      prompt_tokens: String(promptTokens),
      context_length: String(contextLength),
    });
    for (const number of [promptTokens, contextLength]) expect(fault.rawMessage).toContain(String(number));
  });

  it("is told without numbers where the upstream gives none, and by its status alone", () => {
    expect(reasonOf(faultOf(400, told("prompt is too long")))).toBe("context_length_exceeded");
    expect(reasonOf(faultOf(400, told("x", { code: "context_length_exceeded" })))).toBe("context_length_exceeded");
    expect(reasonOf(faultOf(413, "<html>Request Entity Too Large</html>"))).toBe("context_length_exceeded");
  });

  it("is not what a limit of the answer alone means, nor a rate limit that speaks of tokens", () => {
    expect(
      reasonOf(
        faultOf(
          400,
          told("max_tokens is too large: 100000. This model supports at most 16384 completion tokens.", { param: "max_tokens" }),
        ),
      ),
    ).toBe("invalid_request");
    expect(
      reasonOf(
        faultOf(
          429,
          told("Request too large for gpt-4o: Limit 30000, Requested 40000. The context length exceeded", { code: "rate_limit_exceeded" }),
        ),
      ),
    ).toBe("provider_rate_limited");
  });
});

describe("a refusal", () => {
  it.each(recorded.refusals)("for $what says what it is and what to do", ({ status, body, reason, words }) => {
    const fault = faultOf(status, body);
    expect(reasonOf(fault)).toBe(reason);
    expect(fault.rawMessage).toMatch(new RegExp(words));
    expect(fault.rawMessage).toContain("upstream");
    expect(fault.findDetails(ErrorInfoSchema)[0]?.metadata["provider"]).toBe("upstream");
    expect(fault.rawMessage).not.toMatch(/secret words|abcdefghijklmnop/);
  });

  it.each(recorded.unsupported)("of $what that this model does not take lets another be asked", ({ body, status, field }) => {
    const fault = faultOf(status, body);
    expect([reasonOf(fault), fieldOf(fault)]).toEqual(["unsupported_field", field]);
  });

  it("of the caller's own key is the caller's to mend", () => {
    expect(reasonOf(faultOf(401, told("no"), { isCallersKey: true }))).toBe("unauthenticated");
    expect(reasonOf(faultOf(403, told("no"), { isCallersKey: true }))).toBe("permission_denied");
    expect(reasonOf(faultOf(401, { error: "Invalid username or password." }, { isCallersKey: true, kind: "huggingface" }))).toBe(
      "unauthenticated",
    );
    expect(reasonOf(faultOf(403, { error: "this is a gated repo" }, { isCallersKey: true }))).toBe("permission_denied");
  });

  it("of a token by Hugging Face says how such tokens look and what they must be allowed", () => {
    const unknown = faultOf(401, { error: "Invalid username or password." }, { kind: "huggingface" });
    const unfit = faultOf(
      403,
      { error: "This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x" },
      { kind: "huggingface" },
    );
    for (const fault of [unknown, unfit]) {
      expect(reasonOf(fault)).toBe("provider_credentials");
      expect(fault.rawMessage).toMatch(/hf_.*Inference Providers/);
    }
  });

  it("is told without what servers quote of the request or the answer, and without keys", () => {
    const secrets = [
      "1 validation error: messages.0.content Input should be a valid string [type=string_type, input_value='secret words', input_type=str]",
      "Failed to parse input at pos 0: secret words",
      "Error in {'role': 'user', 'content': 'secret words'}",
      `cannot use "${"secret words ".repeat(5)}" here`,
      "bad key hf_abcdefghijklmnop and Bearer abcdefghijklmnop",
    ];
    for (const secret of secrets)
      for (const status of [400, 500]) expect(faultOf(status, told(secret)).rawMessage).not.toMatch(/secret words|abcdefghijklmnop/);
    expect(Buffer.byteLength(faultOf(400, told("x ".repeat(100_000))).rawMessage)).toBeLessThan(500);
  });

  it("with a hostile text is read in little time", () => {
    const hostile = ["maximum context length is 1 tokens ", "[ ( , ", "model ", "input ", "'", "exceeds "].map((piece) =>
      piece.repeat(20_000),
    );
    const before = performance.now();
    for (const words of hostile) faultOf(400, told(words));
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe("when to ask again", () => {
  const limited = told("Rate limit reached", { code: "rate_limit_exceeded" });

  it.each([
    ["seconds", { "retry-after": "7" }, 7000],
    ["seconds with a fraction", { "retry-after": "0.25" }, 250],
    ["milliseconds, which are more exact", { "retry-after-ms": "1500", "retry-after": "2" }, 1500],
    ["a date", { "retry-after": "Sat, 21 Nov 2026 12:00:09 GMT" }, 9000],
    [
      "the spent one of two limits",
      {
        "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-reset-requests": "1h",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0.5s",
      },
      360_500,
    ],
    [
      "the later of two spent limits",
      {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "20ms",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1s",
      },
      1000,
    ],
    ["an instant in ms", { "x-ratelimit-reset": String(nowMs + 5000) }, 5000],
    ["an instant in s", { "x-ratelimit-reset": String(nowMs / 1000 + 5) }, 5000],
    ["nothing that can be read", { "retry-after": "soon", "x-ratelimit-reset-requests": "later" }, undefined],
  ])("is heard as %s", (_, headers, wanted) => {
    expect(retryAfterMsOf(faultOf(429, limited, { headers }))).toBe(wanted);
  });

  it("is heard in the body too, where OpenRouter tells headers and Hugging Face how long a model loads", () => {
    const openrouter = {
      error: { code: 429, message: "Rate limit exceeded", metadata: { headers: { "X-RateLimit-Reset": String(nowMs + 5000) } } },
    };
    expect(retryAfterMsOf(faultOf(429, openrouter))).toBe(5000);
    const loading = faultOf(503, { error: "Model there is currently loading", estimated_time: 20.5 });
    expect([reasonOf(loading), retryAfterMsOf(loading)]).toEqual(["provider_unavailable", 20_500]);
  });
});
