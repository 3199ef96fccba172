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

function taken({ settings }: ReturnType<typeof load>) {
  return Object.fromEntries(settings.upstreams.map(({ name, takesCallerKeys }) => [name, takesCallerKeys]));
}

const three =
  "upstreams: [{name: no, kind: vllm, client_keys: false}, {name: yes, kind: vllm, client_keys: true}, {name: open, kind: vllm}]";

describe("keys of callers", () => {
  it("are taken by an upstream as it says, else as the configuration says, else not", () => {
    expect(taken(load(three))).toEqual({ no: false, yes: true, open: false });
    expect(taken(load(`client_keys: true\n${three}`))).toEqual({ no: false, yes: true, open: true });
    expect(taken(load(`client_keys: false\n${three}`))).toEqual({ no: false, yes: true, open: false });
  });

  it("are taken as LLM_CLIENT_KEYS says, before the file, and by upstreams that variables bring", () => {
    const provider = { LLM_PROVIDER: "ollama" };
    expect(taken(load(three, { ...provider, LLM_CLIENT_KEYS: "true" }))).toEqual({ no: false, yes: true, open: true, ollama: true });
    expect(taken(load(`client_keys: true\n${three}`, { ...provider, LLM_CLIENT_KEYS: "false" }))).toEqual({
      ...{ no: false, yes: true, open: false, ollama: false },
    });
    expect(taken(load(`client_keys: true\n${three}`, { ...provider, LLM_CLIENT_KEYS: "" }))["ollama"]).toBe(true);
  });

  it("spare the operator one of his own", () => {
    expect(taken(loadConfig({ environment: { LLM_PROVIDER: "openai", LLM_CLIENT_KEYS: "true" } }))).toEqual({ openai: true });
    expect(() => loadConfig({ environment: { LLM_PROVIDER: "openai", LLM_CLIENT_KEYS: "false" } })).toThrow("openai needs a key");
    expect(taken(load("client_keys: true\nupstreams: [{name: x, kind: openai}]"))).toEqual({ x: true });
    expect(() => load("client_keys: true\nupstreams: [{name: x, kind: openai, client_keys: false}]")).toThrow("x needs a key");
  });

  it("are described with what allows them", () => {
    const lines = describeConfig(load(three, { LLM_CLIENT_KEYS: "true" })).split("\n");
    const rows = lines.map((line) => line.split(/ {2,}/)).filter(([path]) => path?.endsWith("clientKeys"));
    expect(rows).toEqual([
      ["clientKeys", "true", "LLM_CLIENT_KEYS"],
      ["upstreams[0].clientKeys", "false", expect.stringMatching(/yaml$/)],
      ["upstreams[1].clientKeys", "true", expect.stringMatching(/yaml$/)],
      ["upstreams[2].clientKeys", "true", "LLM_CLIENT_KEYS"],
    ]);
  });
});
