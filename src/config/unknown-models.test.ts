import { writeFileSync } from "node:fs";
import { join } from "node:path";
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

function policies({ settings }: ReturnType<typeof load>) {
  return Object.fromEntries(settings.upstreams.map(({ name, unknownModels }) => [name, unknownModels]));
}

describe("names of models that nobody has", () => {
  it("are passed on unless the file says that the default model answers", () => {
    const two = "{name: a, kind: huggingface, api_keys: [k]}, {name: b, kind: openai, base_url: 'http://x/v1', unknown_models: default}";
    expect(policies(load(`upstreams: [${two}]`))).toEqual({ a: "pass", b: "default" });
  });

  it("are answered where the older variables bring Hugging Face or vLLM, and there alone", () => {
    const environment = { HUGGINGFACE_API_KEY: "k", VLLM_URL: "http://gpu:8000", OPENAI_API_KEY: "k", OLLAMA_HOST: "http://o:1" };
    expect(policies(load("{}", environment))).toEqual({ openai: "pass", ollama: "pass", huggingface: "default", vllm: "default" });
    expect(policies(load("upstreams: [{name: vllm, kind: vllm}]", environment))["vllm"]).toBe("pass");
    expect(policies(load("{}", { LLM_PROVIDER: "vllm" }))).toEqual({ vllm: "default" });
  });

  it("have no third way, and a check shows which of the two it is", () => {
    expect(() => load("upstreams: [{name: a, kind: vllm, unknown_models: refuse}]")).toThrow(
      "upstreams[0].unknownModels: must be one of pass, default",
    );
    expect(describeConfig(load("{}", { VLLM_URL: "http://gpu:8000" }))).toMatch(/^upstreams\[0\]\.unknownModels +default +VLLM_URL$/m);
  });
});
