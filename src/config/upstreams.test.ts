import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { sharedFolder } from "../testing/temporary-folder.ts";
import { describeConfig } from "./describe.ts";

const folder = sharedFolder();

let files = 0;
function load(text: string, environment: Record<string, string> = {}) {
  const file = join(folder, `${(files += 1)}.yaml`);
  writeFileSync(file, text);
  return loadConfig({ file, environment });
}
const byName = (loaded: ReturnType<typeof loadConfig>) => Object.fromEntries(loaded.settings.upstreams.map((each) => [each.name, each]));
const fromEnvironment = (environment: Record<string, string>) => loadConfig({ environment });

describe("an upstream", () => {
  it.each([
    ["openai", "https://api.openai.com/v1", "gpt-4o-mini", 60_000],
    ["anthropic", "https://api.anthropic.com", "claude-sonnet-4-5-20250929", 60_000],
    ["ollama", "http://localhost:11434", "llama3.1", 120_000],
    ["huggingface", "https://router.huggingface.co/v1", "meta-llama/Llama-3.1-8B-Instruct", 60_000],
    ["vllm", "http://localhost:8000/v1", "", 60_000],
    ["lan", "http://localhost:8000/v1", "", 60_000],
    ["lmstudio", "http://localhost:1234/v1", "", 60_000],
    ["llama-server", "http://localhost:8080/v1", "", 60_000],
    ["deepseek", "https://api.deepseek.com", "deepseek-chat", 60_000],
    ["openrouter", "https://openrouter.ai/api/v1", "openrouter/auto", 60_000],
  ])("of the kind %s has the kind's defaults", (kind, baseUrl, defaultModel, ms) => {
    const [upstream] = load(`http: {port: 1}\nupstreams: [{name: mine, kind: ${kind}, api_keys: [k]}]`).settings.upstreams;
    expect(upstream).toMatchObject({ name: "mine", kind, baseUrl, defaultModel, disconnect: "estimate", takesCallerKeys: false });
    expect(upstream?.times).toEqual({ connectMs: 10_000, wholeMs: ms, firstTokenMs: ms, idleMs: ms, totalMs: 600_000 });
  });

  it("says all that it can", () => {
    const { settings } = load(`
price_version: 2026-11
upstreams:
  - {name: a, kind: openai, base_url: "https://a.example/v1/", api_keys: [k1, k2], default_model: m, timeout_seconds: 5, connect_seconds: 1,
     first_token_seconds: 2, idle_seconds: 3, total_seconds: 4, prices: {m: {prompt: 1, completion: 2}, "*": {prompt: 3, completion: 4, cached: 0}},
     disconnect: drain, client_keys: true, concurrency: 7, models: [m, n/o], headers: {OpenAI-Organization: org-1}, quirks: {q: v}}`);
    expect(settings.priceVersion).toBe("2026-11");
    const [upstream] = settings.upstreams;
    expect(upstream).toMatchObject({
      ...{ baseUrl: "https://a.example/v1", defaultModel: "m", disconnect: "drain", takesCallerKeys: true, concurrency: 7 },
      times: { connectMs: 1000, wholeMs: 5000, firstTokenMs: 2000, idleMs: 3000, totalMs: 4000 },
      prices: { m: { prompt: 1, completion: 2, cached: 1, cacheWrite: 1 }, "*": { prompt: 3, completion: 4, cached: 0, cacheWrite: 3 } },
      ...{ models: ["m", "n/o"], headers: { "openai-organization": "org-1" }, quirks: { q: "v" } },
    });
    expect(upstream?.apiKeys.map((key) => key.reveal())).toEqual(["k1", "k2"]);
  });

  it.each([
    ["{name: A, kind: openai}", 'upstreams[0].name: "A" is no name'],
    ["{name: -a, kind: openai}", "upstreams[0].name:"],
    [`{name: ${"a".repeat(65)}, kind: openai}`, "upstreams[0].name:"],
    ...["llama-cpp", "echo", "local", "stub", "auto", "none"].map((name) => [
      `{name: ${name}, kind: vllm}`,
      `${name} means something else`,
    ]),
    ["{name: x, kind: opnai}", 'upstreams[0].kind: there is no kind "opnai"; did you mean openai'],
    ["{name: x, kind: vllm}, {name: x, kind: vllm}", 'upstreams[1].name: there is an upstream "x" already'],
    ["{name: x, kind: vllm, base_url: 'ftp://h'}", "upstreams[0].baseUrl: must be a URL with http or https"],
    ["{name: x, kind: vllm, base_url: 'http://u:s3cret@h/v1'}", "upstreams[0].baseUrl: must hold no user or password"],
    ["{name: x, kind: vllm, base_url: 'http://h/v1?key=s3cret'}", "upstreams[0].baseUrl: must have neither a query nor a fragment"],
    ["{name: x, kind: vllm, base_url: 'http://h/v1#s3cret'}", "upstreams[0].baseUrl: must have neither"],
    ["{name: x, kind: vllm, base_url: 'http://h/v1?'}", "upstreams[0].baseUrl: must have neither"],
    ["{name: x, kind: vllm, base_url: 'h:1'}", "upstreams[0].baseUrl: must be a URL"],
    ["{name: x, kind: parley, base_url: 's3cret'}", "upstreams[0].baseUrl: must be host:port, or a URL"],
    ["{name: x, kind: parley}", "upstreams[0].baseUrl: the upstream x needs one"],
    ["{name: x, kind: raw}", "upstreams[0].baseUrl: the upstream x needs one: set LLM_RAW_URL"],
    ["{name: x, kind: openai}", "upstreams[0].apiKeys: the upstream x needs a key"],
    ["{name: x, kind: openai, base_url: 'https://api.openai.com/v1/'}", "upstreams[0].apiKeys: the upstream x needs a key"],
    ["{name: x, kind: openai, api_keys: ['s3cret key']}", "upstreams[0].apiKeys[0]: is no key"],
    ["{name: x, kind: openai, api_keys: ['']}", "upstreams[0].apiKeys[0]: is no key"],
    ["{name: x, kind: openai, api_keys: [s3cret, s3cret]}", "upstreams[0].apiKeys[1]: is there twice"],
    ["{name: x, kind: vllm, timeout_seconds: 0}", "upstreams[0].timeoutSeconds: 0 is outside 0.001 to 86400 s"],
    ["{name: x, kind: vllm, connect_seconds: 3601}", "upstreams[0].connectSeconds: 3601 is outside"],
    ["{name: x, kind: vllm, first_token_seconds: -1}", "upstreams[0].firstTokenSeconds:"],
    ["{name: x, kind: vllm, idle_seconds: 1e9}", "upstreams[0].idleSeconds:"],
    ["{name: x, kind: vllm, total_seconds: 1e9}", "upstreams[0].totalSeconds:"],
    ["{name: x, kind: vllm, concurrency: 0}", "upstreams[0].concurrency: 0 is outside 1 to 1000000"],
    ["{name: x, kind: vllm, disconnect: bill}", "upstreams[0].disconnect: must be one of estimate, none, drain"],
    ["{name: x, kind: vllm, default_model: ../a}", "upstreams[0].defaultModel:"],
    ["{name: x, kind: vllm, models: [a, ../a]}", "upstreams[0].models[1]:"],
    ["{name: x, kind: vllm, prices: {m: {prompt: -1}}}", "upstreams[0].prices.m.prompt: -1 is outside 0 to 1000000"],
    ["{name: x, kind: vllm, prices: {m: {cache_write: 1e9}}}", "upstreams[0].prices.m.cacheWrite:"],
    ...["Authorization", "x-api-key", "api-key", "x-goog-api-key", "Cookie", "x-auth-token", "X-Secret", "proxy-authorization"].map(
      (name) => [`{name: x, kind: vllm, headers: {${name}: s3cret}}`, `upstreams[0].headers.${name}: would carry a key`],
    ),
    ...["Host", "content-length", "Content-Type", "traceparent", "anthropic-version", "grpc-timeout", "transfer-encoding"].map((name) => [
      `{name: x, kind: vllm, headers: {${name}: v}}`,
      `upstreams[0].headers.${name}: is Parley's own`,
    ]),
    ["{name: x, kind: vllm, headers: {'a b': v}}", "upstreams[0].headers: has a name that is none of a header"],
    ['{name: x, kind: vllm, headers: {a: "v\\r\\nx: s3cret"}}', "upstreams[0].headers.a: has characters"],
    ["{name: x, kind: vllm, headers: {a: v, A: w}}", "upstreams[0].headers.A: is there twice"],
  ])("is refused by its key, and no secret is told: %s", (upstream = "", message = "") => {
    expect(() => load(`upstreams: [${upstream}]`)).toThrow(message);
    expect(() => load(`upstreams: [${upstream}]`)).not.toThrow(/s3cret/);
  });

  it("needs no key where callers bring theirs, or at another place than the kind's own", () => {
    expect(load("upstreams: [{name: x, kind: openai, client_keys: true}]").settings.upstreams).toHaveLength(1);
    expect(load("upstreams: [{name: x, kind: openai, base_url: 'http://h/v1'}]").settings.upstreams).toHaveLength(1);
    expect(load("upstreams: [{name: x, kind: parley, base_url: 'h:50051'}]").settings.upstreams[0]?.baseUrl).toBe("h:50051");
  });
});

describe("variables and upstreams", () => {
  it("make one by a key or a base URL, in the table's order behind the file's", () => {
    const loaded = load("upstreams: [{name: own, kind: vllm}]", {
      VLLM_URL: "http://gpu:8000",
      OPENAI_API_KEY: "a,b",
      LLM_URL: "http://llm/llm",
    });
    expect(loaded.settings.upstreams.map(({ name, kind, baseUrl }) => [name, kind, baseUrl])).toEqual([
      ["own", "vllm", "http://localhost:8000/v1"],
      ["openai", "openai", "https://api.openai.com/v1"],
      ["vllm", "vllm", "http://gpu:8000/v1"],
      ["raw", "raw", "http://llm"],
    ]);
    expect(byName(loaded)["openai"]?.apiKeys.map((key) => key.reveal())).toEqual(["a", "b"]);
  });

  it("overlay the file's upstream of the same name, key by key", () => {
    const loaded = load("upstreams: [{name: openai, kind: openai, api_keys: [old], default_model: m, timeout_seconds: 7}]", {
      ...{ LLM_OPENAI_API_KEY: "new", LLM_OPENAI_TIMEOUT: "9" },
    });
    const { openai } = byName(loaded);
    expect([openai?.apiKeys.map((key) => key.reveal()), openai?.defaultModel, openai?.times.wholeMs]).toEqual([["new"], "m", 9000]);
    expect(loaded.origins.get("upstreams[0].apiKeys")).toBe("LLM_OPENAI_API_KEY");
    expect(loaded.origins.get("upstreams[0].defaultModel")).toMatch(/yaml$/);
  });

  it("bring the key that the file leaves out", () => {
    expect(load("upstreams: [{name: openai, kind: openai}]", { OPENAI_API_KEY: "k" }).settings.upstreams).toHaveLength(1);
  });

  it("never give a key to an upstream of another kind that goes by the name", () => {
    const send = () => load("upstreams: [{name: openai, kind: vllm, base_url: 'http://h/v1'}]", { OPENAI_API_KEY: "s3cret" });
    expect(send).toThrow("OPENAI_API_KEY: it is for an upstream of the kind openai");
    expect(send).not.toThrow(/s3cret/);
  });

  it("that make none are named in a warning", () => {
    const { settings, warnings } = fromEnvironment({ LLM_OPENAI_TIMEOUT: "60", HUGGINGFACE_MODEL: "m" });
    expect(settings.upstreams).toEqual([]);
    expect(warnings).toEqual([
      "LLM_OPENAI_TIMEOUT: there is no upstream openai; set LLM_OPENAI_API_KEY or LLM_OPENAI_BASE_URL",
      "HUGGINGFACE_MODEL: there is no upstream huggingface; set LLM_HUGGINGFACE_API_KEY or LLM_HUGGINGFACE_BASE_URL",
    ]);
  });

  it("make one by naming it as the default or a fallback", () => {
    const { settings } = fromEnvironment({ LLM_PROVIDER: "Ollama", LLM_PROVIDER_FALLBACK: "lmstudio,local,stub" });
    expect([settings.defaultProvider, settings.fallback]).toEqual(["ollama", ["lmstudio", "llama-cpp", "echo"]]);
    expect(settings.upstreams.map(({ name }) => name)).toEqual(["ollama", "lmstudio"]);
    expect(load("models: {default_provider: vllm}").settings.upstreams).toMatchObject([{ name: "vllm" }]);
    expect(load("fallback: [vllm]").settings.upstreams).toMatchObject([{ name: "vllm" }]);
  });

  it.each([
    [{ LLM_PROVIDER: "openai" }, "LLM_PROVIDER: the upstream openai needs a key: set LLM_OPENAI_API_KEY or OPENAI_API_KEY"],
    [{ LLM_PROVIDER_FALLBACK: "anthropic" }, "LLM_PROVIDER_FALLBACK: the upstream anthropic needs a key"],
    [{ LLM_PROVIDER: "raw" }, "LLM_PROVIDER: the upstream raw needs one: set LLM_RAW_URL"],
    [{ LLM_PROVIDER: "opnai" }, 'LLM_PROVIDER: there is no provider "opnai"; known are auto, llama-cpp, echo, local, stub'],
    [{ LLM_PROVIDER_FALLBACK: "opnai" }, 'LLM_PROVIDER_FALLBACK: there is no upstream "opnai"'],
    [{ LLM_OPENAI_API_KEY: "s3 cret" }, "LLM_OPENAI_API_KEY: is no key"],
    [{ LLM_VLLM_BASE_URL: "http://u:s3cret@h/v1" }, "LLM_VLLM_BASE_URL: must hold no user or password"],
    [{ OPENAI_API_KEY: "k", LLM_OPENAI_TIMEOUT: "0" }, "LLM_OPENAI_TIMEOUT: 0 is outside 0.001 to 86400 s"],
  ])("are blamed for what they ask for: %o", (environment, message) => {
    expect(() => fromEnvironment(environment)).toThrow(message);
    expect(() => fromEnvironment(environment)).not.toThrow(/s3 ?cret/);
  });

  it("give Hugging Face the token for pulls where it has no key of its own, and make no upstream by it", () => {
    expect(fromEnvironment({ HF_TOKEN: "hf_t" }).settings.upstreams).toEqual([]);
    const keys = (environment: Record<string, string>) =>
      byName(fromEnvironment(environment))["huggingface"]?.apiKeys.map((key) => key.reveal());
    expect(keys({ LLM_PROVIDER: "huggingface", HF_TOKEN: "hf_t" })).toEqual(["hf_t"]);
    expect(keys({ HUGGINGFACE_API_KEY: "hf_k", HF_TOKEN: "hf_t" })).toEqual(["hf_k"]);
    expect(
      byName(load("upstreams: [{name: huggingface, kind: huggingface, api_keys: [hf_f]}]", { HF_TOKEN: "hf_t" }))[
        "huggingface"
      ]?.apiKeys[0]?.reveal(),
    ).toBe("hf_f");
  });
});

describe("what the older services meant", () => {
  it("lan falls back to stub unless told otherwise", () => {
    const fallback = (more: Record<string, string>) =>
      fromEnvironment({ LLM_PROVIDER: "lan", LLM_BASE_URL: "http://llm:8001", ...more }).settings.fallback;
    expect([fallback({}), fallback({ LLM_PROVIDER_FALLBACK: "none" }), fallback({ LLM_PROVIDER_FALLBACK: "vllm" })]).toEqual([
      ["echo"],
      [],
      ["vllm"],
    ]);
    expect(fromEnvironment({ LLM_PROVIDER: "vllm" }).settings.fallback).toEqual([]);
  });

  it("local is the raw upstream where LLM_URL is set, and else the local model", () => {
    expect(fromEnvironment({ LLM_PROVIDER: "local", LLM_URL: "http://llm:8001/llm" }).settings.defaultProvider).toBe("raw");
    expect(fromEnvironment({ LLM_PROVIDER: "local" }).settings.defaultProvider).toBe("llama-cpp");
    expect(fromEnvironment({ LLM_PROVIDER: "local", LLM_RAW_URL: "http://llm:8001" }).settings.defaultProvider).toBe("llama-cpp");
  });

  it("an upstream's time limit beats that of all, which beats its kind's, and a whole call has time for all of them", () => {
    const { settings, limits } = fromEnvironment({
      LLM_TIMEOUT_SECS: "30",
      OPENAI_API_KEY: "k",
      LLM_OPENAI_TIMEOUT: "300",
      OLLAMA_HOST: "h",
    });
    const times = Object.fromEntries(
      settings.upstreams.map((each) => [each.name, [each.times.wholeMs, each.times.firstTokenMs, each.times.idleMs]]),
    );
    expect(times).toEqual({ openai: [300_000, 300_000, 300_000], ollama: [30_000, 30_000, 30_000] });
    expect([limits.unaryCallMs, limits.callMs]).toEqual([630_000, 630_000]);
    const { limits: own } = load("limits: {values: {callMs: 100000}}\nupstreams: [{name: a, kind: ollama}]");
    expect([own.unaryCallMs, own.callMs]).toEqual([240_000, 100_000]);
    expect(fromEnvironment({ LLM_TIMEOUT_SECS: "30", OPENAI_API_KEY: "k" }).limits.unaryCallMs).toBe(60_000);
    expect(fromEnvironment({ LLM_TIMEOUT_SECS: "30" }).limits.unaryCallMs).toBe(30_000);
  });
});

it("keys are shown by no print, wherever they come from", () => {
  const loaded = load("upstreams: [{name: a, kind: openai, api_keys: [FILE-s3cret], headers: {x-org: HEADER-s3cret}}]", {
    OPENAI_API_KEY: "ENV-s3cret,TWO-s3cret",
  });
  const printed = [describeConfig(loaded), inspect(loaded, { depth: 9 }), JSON.stringify({ ...loaded, variables: undefined })];
  for (const text of printed) expect(text).not.toMatch(/(FILE|ENV|TWO)-s3cret/);
  expect(describeConfig(loaded)).not.toContain("s3cret");
  const lines = describeConfig(loaded)
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(lines).toContainEqual(["upstreams[1].apiKeys", "***,***", "OPENAI_API_KEY"]);
  expect(lines).toContainEqual(["upstreams[0].headers.x-org", "***", expect.stringMatching(/yaml$/)]);
});
