import { describe, expect, it } from "vitest";
import { readEnvironment } from "./read.ts";

/** Text that each variable takes, and what it then says. */
const heeded: readonly (readonly [name: string, text: string, path: string, value: unknown])[] = [
  ["LLM_OPENAI_API_KEY", "sk-1, sk-2", "openai.apiKeys", ["sk-1", "sk-2"]],
  ["OPENAI_API_KEY", "sk-1", "openai.apiKeys", ["sk-1"]],
  ["LLM_OPENAI_BASE_URL", "https://eu.example/v1", "openai.baseUrl", "https://eu.example/v1"],
  ["LLM_OPENAI_DEFAULT_MODEL", "gpt-x", "openai.defaultModel", "gpt-x"],
  ["LLM_OPENAI_TIMEOUT", "2.5", "openai.timeoutSeconds", 2.5],
  ["LLM_ANTHROPIC_API_KEY", "sk-ant", "anthropic.apiKeys", ["sk-ant"]],
  ["ANTHROPIC_API_KEY", "sk-ant", "anthropic.apiKeys", ["sk-ant"]],
  ["LLM_ANTHROPIC_BASE_URL", "https://a.example", "anthropic.baseUrl", "https://a.example"],
  ["LLM_ANTHROPIC_DEFAULT_MODEL", "claude-x", "anthropic.defaultModel", "claude-x"],
  ["LLM_ANTHROPIC_TIMEOUT", "60", "anthropic.timeoutSeconds", 60],
  [
    "LLM_OLLAMA_BASE_URL",
    "http://ollama-bridge.prism.svc.cluster.local:4010",
    "ollama.baseUrl",
    "http://ollama-bridge.prism.svc.cluster.local:4010",
  ],
  ["LLM_OLLAMA_DEFAULT_MODEL", "llama3.1", "ollama.defaultModel", "llama3.1"],
  ["LLM_OLLAMA_TIMEOUT", "120", "ollama.timeoutSeconds", 120],
  ["OLLAMA_HOST", "http://gpu:11434", "ollama.baseUrl", "http://gpu:11434"],
  ["OLLAMA_HOST", "gpu", "ollama.baseUrl", "http://gpu:11434"],
  ["OLLAMA_HOST", "gpu:8080", "ollama.baseUrl", "http://gpu:8080"],
  ["OLLAMA_HOST", ":8080", "ollama.baseUrl", "http://127.0.0.1:8080"],
  ["OLLAMA_HOST", "0.0.0.0", "ollama.baseUrl", "http://127.0.0.1:11434"],
  ["OLLAMA_HOST", "http://0.0.0.0:11434", "ollama.baseUrl", "http://127.0.0.1:11434"],
  ["OLLAMA_HOST", "[::1]:1", "ollama.baseUrl", "http://[::1]:1"],
  ["LLM_HUGGINGFACE_API_KEY", "hf_1", "huggingface.apiKeys", ["hf_1"]],
  ["HUGGINGFACE_API_KEY", "hf_1", "huggingface.apiKeys", ["hf_1"]],
  ["LLM_HUGGINGFACE_MODEL", "meta-llama/X", "huggingface.defaultModel", "meta-llama/X"],
  ["HUGGINGFACE_MODEL", "meta-llama/X", "huggingface.defaultModel", "meta-llama/X"],
  ["LLM_HUGGINGFACE_BASE_URL", "https://h.example/v1", "huggingface.baseUrl", "https://h.example/v1"],
  ["LLM_HUGGINGFACE_TIMEOUT", "60", "huggingface.timeoutSeconds", 60],
  ["LLM_VLLM_BASE_URL", "http://gpu:8000/v1", "vllm.baseUrl", "http://gpu:8000/v1"],
  ["LLM_VLLM_API_KEY", "token", "vllm.apiKeys", ["token"]],
  ["LLM_VLLM_DEFAULT_MODEL", "m", "vllm.defaultModel", "m"],
  ["LLM_VLLM_TIMEOUT", "60", "vllm.timeoutSeconds", 60],
  ["VLLM_URL", "http://gpu-server:8000", "vllm.baseUrl", "http://gpu-server:8000/v1"],
  ["VLLM_URL", "http://gpu-server:8000/v1/", "vllm.baseUrl", "http://gpu-server:8000/v1"],
  ["LLM_LAN_BASE_URL", "http://llm:8001/v1", "lan.baseUrl", "http://llm:8001/v1"],
  ["LLM_LAN_API_KEY", "secret", "lan.apiKeys", ["secret"]],
  ["LLM_LAN_DEFAULT_MODEL", "m", "lan.defaultModel", "m"],
  ["LLM_LAN_TIMEOUT", "30", "lan.timeoutSeconds", 30],
  ["LLM_BASE_URL", "http://llm:8001", "lan.baseUrl", "http://llm:8001/v1"],
  ["LLM_RAW_URL", "http://llm:8001", "raw.baseUrl", "http://llm:8001"],
  ["LLM_URL", "http://llm:8001/llm", "raw.baseUrl", "http://llm:8001/llm"],
  ["LLM_RAW_TIMEOUT", "30", "raw.timeoutSeconds", 30],
];

describe("the variables of upstreams", () => {
  it.each(heeded)("%s=%s", (...[name, text, path, value]) => {
    expect(readEnvironment({ [name]: text }).settings.get(`upstreams.${path}`)).toMatchObject({ value, from: name });
  });

  it("of fallbacks are read in any case, and none means none", () => {
    expect(readEnvironment({ LLM_PROVIDER_FALLBACK: "OpenAI, stub" }).settings.get("fallback")?.value).toEqual(["openai", "stub"]);
    expect(readEnvironment({ LLM_PROVIDER_FALLBACK: "none" }).settings.get("fallback")?.value).toEqual([]);
  });

  it("give our name the say over the older ones", () => {
    const variables = { OPENAI_API_KEY: "theirs", LLM_OPENAI_API_KEY: "ours", VLLM_URL: "http://a", LLM_VLLM_BASE_URL: "http://b/v1" };
    const { settings } = readEnvironment(variables);
    expect(settings.get("upstreams.openai.apiKeys")?.from).toBe("LLM_OPENAI_API_KEY");
    expect(settings.get("upstreams.vllm.baseUrl")?.from).toBe("LLM_VLLM_BASE_URL");
  });

  it("read LLM_API_KEY as the key of the provider lan, and as callers' where another is chosen", () => {
    const keys = (variables: Record<string, string>) => {
      const { settings } = readEnvironment({ LLM_API_KEY: "s3cret-key", ...variables });
      return ["upstreams.lan.apiKeys", "keys.given"].map((path) => settings.get(path)?.value);
    };
    expect(keys({ LLM_PROVIDER: "lan" })).toEqual([["s3cret-key"], undefined]);
    expect(keys({ LLM_DEFAULT_PROVIDER: "LAN" })).toEqual([["s3cret-key"], undefined]);
    for (const variables of [{}, { LLM_PROVIDER: "openai" }, { LLM_PROVIDER: "lan", LLM_DEFAULT_PROVIDER: "echo" }])
      expect(keys(variables)).toEqual([undefined, ["s3cret-key"]]);
  });

  it.each([
    ["LLM_OPENAI_BASE_URL", "ftp://user:s3cret@host"],
    ["VLLM_URL", "s3cret"],
    ["OLLAMA_HOST", "s3cret host"],
    ["OLLAMA_HOST", "http://user:s3cret@"],
  ])("refuse a place that is none, and do not show it: %s", (name, text) => {
    expect(() => readEnvironment({ [name]: text })).toThrow(`${name}: its value is not a URL`);
    expect(() => readEnvironment({ [name]: text })).not.toThrow(/s3cret/);
  });

  it("keep keys from being shown", () => {
    expect(readEnvironment({ OPENAI_API_KEY: "sk" }).settings.get("upstreams.openai.apiKeys")?.isSecret).toBe(true);
  });
});
