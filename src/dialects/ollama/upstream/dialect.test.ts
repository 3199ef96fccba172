import { create, fromJson } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ErrorInfoSchema } from "../../../../gen/google/rpc/error_details_pb.ts";
import { ChatRequestSchema } from "../../../../gen/parley/v1/chat_pb.ts";
import { EmbedRequestSchema } from "../../../../gen/parley/v1/embeddings_pb.ts";
import { Capability } from "../../../../gen/parley/v1/models_pb.ts";
import { UsageSource } from "../../../../gen/parley/v1/usage_pb.ts";
import { fieldOf, reasonOf, retryAfterMsOf } from "../../../core/reasons.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import type { UpstreamFailure } from "../../upstream-dialect.ts";
import { ollamaDialect } from "./dialect.ts";

const asked = { provider: "ollama", model: "llama3.2", isCallersKey: false };
const dialect = ollamaDialect({ kind: "ollama", quirks: {} });

describe("a request to Ollama", () => {
  const optionsOf = (words: string, { quirks = {}, ...more }: { quirks?: Readonly<Record<string, string>>; maxTokens?: number } = {}) =>
    (ollamaDialect({ kind: "ollama", quirks }).chat(userRequest(words, more), { isStream: true }).body as { options: object }).options;

  it("asks for a context that holds prompt and answer, in steps of doubling, up to a bound", () => {
    expect(optionsOf("hi")).toEqual({ num_ctx: 8192 });
    expect(optionsOf("x".repeat(16_000))).toEqual({ num_ctx: 16_384 });
    expect(optionsOf("hi", { maxTokens: 9000 })).toMatchObject({ num_ctx: 16_384 });
    expect(optionsOf("x".repeat(4_000_000))).toEqual({ num_ctx: 131_072 });
  });

  it("asks for the context that its upstream's operator has said, or for none", () => {
    expect(optionsOf("hi", { quirks: { numCtx: "32768" } })).toEqual({ num_ctx: 32_768 });
    expect(optionsOf("hi", { quirks: { numCtx: "server" } })).toEqual({});
  });

  it("never lets the server cut the prompt, nor push it out", () => {
    expect(dialect.chat(userRequest("hi"), { isStream: true }).body).toMatchObject({ truncate: false, shift: false });
    const raw = create(ChatRequestSchema, { rawPrompt: { prompt: { case: "text", value: "hi" } } });
    expect(dialect.chat(raw, { isStream: true })).toMatchObject({
      path: "/api/generate",
      body: { truncate: false, shift: false, raw: true },
    });
  });

  it("heeds the quirks of its upstream, and refuses unknown ones", () => {
    const quirky = ollamaDialect({ kind: "ollama", quirks: { think: "switch", prefill: "continued" } });
    const thinking = fromJson(ChatRequestSchema, { messages: [], reasoning: { effort: "REASONING_EFFORT_LOW" } });
    expect(quirky.chat(thinking, { isStream: true }).body).toMatchObject({ think: true });
    expect([quirky.canContinue, quirky.fields["continue_final_message"]]).toEqual([true, { is: "honoured" }]);
    for (const [name, value] of Object.entries({ colour: "red", think: "hard", numCtx: "many" }))
      expect(fieldOf(thrownBy(() => ollamaDialect({ kind: "ollama", quirks: { [name]: value } })))).toBe(`quirks.${name}`);
  });

  it.each([
    ["num_ctx", 0],
    ["num_ctx", 1_000_000],
    ["num_ctx", "8192"],
    ["keep_alive", "soon"],
    ["typical_p", 2],
  ])("with an option %s of %j is refused by its name", (name, value) => {
    const odd = fromJson(ChatRequestSchema, { providerOptions: { ollama: { [name]: value } } });
    expect(fieldOf(thrownBy(() => dialect.chat(odd, { isStream: true })))).toBe(`provider_options.ollama.${name}`);
  });

  it("shows a key to the proxy that may stand before it", () => {
    expect(dialect.authorize("k")).toEqual({ authorization: "Bearer k" });
  });
});

describe("vectors of Ollama's", () => {
  const texts = (...words: string[]) =>
    create(EmbedRequestSchema, { model: "m", inputs: words.map((value) => ({ input: { case: "text" as const, value } })) });

  it("are asked for all at once, and nothing of a text may be cut unless the caller says so", () => {
    expect(dialect.embed?.ask({ ...texts("a"), truncate: true })).toMatchObject({ body: { truncate: true } });
    expect(dialect.embed?.ask(texts("a", "b"))).toEqual({
      method: "POST",
      path: "/api/embed",
      headers: {},
      body: { model: "m", input: ["a", "b"], truncate: false },
    });
    expect(dialect.embed?.ask(texts("x".repeat(10_000)))).toMatchObject({ body: { options: { num_ctx: 8192 } } });
    const tokens = create(EmbedRequestSchema, { inputs: [{ input: { case: "tokenIds", value: { ids: [1] } } }] });
    expect(fieldOf(thrownBy(() => dialect.embed?.ask(tokens)))).toBe("inputs[0]");
  });

  it("are read in their order, and brought to length 1", () => {
    const response = dialect.embed?.read(
      {
        embeddings: [
          [3, 4],
          [0, 0],
        ],
        prompt_eval_count: 2,
      },
      texts("a", "b"),
      asked,
    );
    expect(response?.embeddings.map(({ values }) => values)).toEqual([
      [0.6, 0.8],
      [0, 0],
    ]);
    expect(response?.usage).toMatchObject({ promptTokens: 2, source: UsageSource.PROVIDER });
    expect(dialect.embed?.read({ embeddings: [[1]] }, texts("12345678"), asked).usage).toMatchObject({
      promptTokens: 2,
      source: UsageSource.ESTIMATED,
    });
  });

  it.each([
    [{}],
    [{ embeddings: [] }],
    [{ embeddings: [[]] }],
    [{ embeddings: [["1"]] }],
    [{ embeddings: [[null]] }],
    [{ embeddings: [1] }],
  ])("that are none are refused: %j", (body) => {
    expect(reasonOf(thrownBy(() => dialect.embed?.read(body, texts("a"), asked)))).toBe("provider_malformed");
  });
});

describe("a refusal by Ollama", () => {
  const refusal = (status: number, error: unknown, headers: UpstreamFailure["headers"] = {}) =>
    dialect.errorOf({ status, headers, body: typeof error === "string" ? JSON.stringify({ error }) : JSON.stringify(error) }, asked, 0);
  const overflow = {
    error: {
      code: 400,
      message: "request (2622 tokens) exceeds the available context size (512 tokens), try increasing it",
      n_prompt_tokens: 2622,
      n_ctx: 512,
    },
  };

  it.each([
    [404, `model "llama3.2" not found, try pulling it first`, "model_not_found", /run `ollama pull llama3\.2` there/],
    [404, "model 'llama3.2' not found", "model_not_found", /ollama pull/],
    [404, { page: "not found" }, "provider_malformed", /check its base URL/],
    [400, "registry.ollama.ai/library/gemma does not support tools", "unsupported_field", /^tools: /],
    [400, `"gemma" does not support thinking`, "unsupported_field", /^reasoning: /],
    [400, `think value "high" is not supported for this model`, "unsupported_field", /^reasoning: /],
    [400, "the input length exceeds the context length", "context_length_exceeded", /longer than the context/],
    [500, "the input length exceeds the context length", "context_length_exceeded", /longer than the context/],
    [400, "option temperature must be of type float32", "invalid_request", /option temperature/],
    [401, "unauthorized", "provider_credentials", /API key/],
    [402, "you have reached your usage limit", "provider_rate_limited", /quota/],
    [429, "you have reached your hourly usage limit", "provider_rate_limited", /quota/],
    [429, "too many concurrent requests", "provider_rate_limited", /rate/],
    [500, "llama runner process has terminated: exit status 2", "provider_error", /failed with status 500/],
    [500, "model requires more system memory (5.6 GiB) than is available (2.1 GiB)", "provider_error", /too little memory/],
    [500, "timed out waiting for llama runner to start", "provider_unavailable", /still loading/],
    [503, "server busy, please try again.  maximum pending requests exceeded", "provider_unavailable", /overloaded/],
  ])("with %i %j says what has to be done", (...[status, error, reason, says]) => {
    const fault = refusal(status, error);
    expect(reasonOf(fault)).toBe(reason);
    expect(fault.rawMessage).toMatch(says);
  });

  it("says how long the prompt is and how long it may be, as its runner does", () => {
    for (const body of [JSON.stringify(overflow), overflow]) {
      const fault = refusal(400, body);
      expect(reasonOf(fault)).toBe("context_length_exceeded");
      expect(fault.findDetails(ErrorInfoSchema)[0]?.metadata).toMatchObject({ prompt_tokens: "2622", context_length: "512" });
    }
  });

  it("is heeded for as long as it says", () => {
    expect(retryAfterMsOf(refusal(503, "server busy", { "retry-after": "2" }))).toBe(2000);
  });
});

describe("Ollama's list of models", () => {
  it("is read with what it tells of each", () => {
    const body = {
      models: [
        {
          name: "llama3.2:latest",
          model: "llama3.2:latest",
          modified_at: "2026-05-04T17:37:44.706015396-07:00",
          size: 3_825_819_519,
          details: { family: "llama" },
        },
        { name: "nomic-embed-text:v1.5", details: { family: "nomic-bert" } },
        { name: "qwen3:8b", capabilities: ["completion", "tools", "thinking", "flying"] },
        { name: "" },
        7,
      ],
    };
    expect(dialect.listModels()).toMatchObject({ method: "GET", path: "/api/tags" });
    const models = dialect.models(body, "here");
    expect(models.map(({ id, provider }) => [id, provider])).toEqual([
      ["llama3.2:latest", "here"],
      ["nomic-embed-text:v1.5", "here"],
      ["qwen3:8b", "here"],
    ]);
    expect(models[0]).toMatchObject({ aliases: ["llama3.2"], sizeBytes: 3_825_819_519n, ownedBy: "ollama" });
    expect(models.map(({ capabilities }) => capabilities)).toEqual([
      [Capability.CHAT],
      [Capability.EMBED],
      [Capability.CHAT, Capability.TOOLS, Capability.REASONING],
    ]);
    expect(reasonOf(thrownBy(() => dialect.models({ data: [] }, "here")))).toBe("provider_malformed");
  });
});
