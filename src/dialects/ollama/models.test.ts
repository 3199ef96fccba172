import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { Capability, ModelSchema, ModelState, PullModelResponseSchema, PullPhase } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelFacts } from "../../core/ports.ts";
import { fieldOf } from "../../core/reasons.ts";
import { thrownBy } from "../../testing/thrown-by.ts";
import { detailsOf } from "./details.ts";
import { embeddingsRequestFromOllama, embedRequestFromOllama } from "./embed.ts";
import { isRunning, listedModel, runningModel, shownModel } from "./models.ts";
import { withoutLatest, withTag } from "./names.ts";
import { pullStatuses } from "./pull.ts";

const model = (more: MessageInitShape<typeof ModelSchema>) =>
  create(ModelSchema, { id: "m", provider: "openai", state: ModelState.READY, ...more });
const facts = (more: Partial<ModelFacts>): ModelFacts => ({ architecture: "llama", stay: undefined, ...more });
const digest = (text: string) => `digest of ${text}`;
const nothing = { parent_model: "", format: "", family: "", families: [], parameter_size: "", quantization_level: "" };

describe("what a model is made of", () => {
  it.each([
    [undefined, ""],
    [999, "999"],
    [45_000, "45K"],
    [134_515_008, "134.52M"],
    [137_000_000, "137M"],
    [8_030_261_312, "8.0B"],
    [70_000_000_000, "70B"],
  ])("with %s parameters is told as %s", (parameterCount, told) => {
    expect(detailsOf(facts({ parameterCount })).parameter_size).toBe(told);
  });

  it("is told by names that people know, and is empty where it is not known", () => {
    expect(detailsOf(facts({ fileType: 15 }))).toMatchObject({
      format: "gguf",
      family: "llama",
      families: ["llama"],
      quantization_level: "Q4_K_M",
    });
    expect(detailsOf(facts({ architecture: "", fileType: 9999 }))).toEqual({ ...nothing, format: "gguf" });
    expect(detailsOf(undefined)).toEqual(nothing);
  });
});

describe("a model", () => {
  it("elsewhere is listed with what is known of it, and with the format's own words for what is not", () => {
    const known = { model: model({ capabilities: [Capability.CHAT, Capability.TOOLS, Capability.RERANK] }), facts: undefined };
    expect(listedModel(known, digest)).toEqual({
      ...{ name: "m:latest", model: "m:latest", size: 0, digest: 'digest of ["m","openai","",""]', details: nothing },
      ...{ modified_at: "0001-01-01T00:00:00Z", capabilities: ["completion", "tools"] },
    });
    expect(isRunning({ ...known, model: model({ memoryBytes: 1n }) })).toBe(false);
    expect(shownModel({ model: model({ contextLength: 4096 }), facts: undefined }, undefined)).toEqual({
      ...{ modelfile: "FROM m\n", template: "", details: nothing, capabilities: [], modified_at: "0001-01-01T00:00:00Z" },
      model_info: { "general.context_length": 4096 },
    });
  });

  it("of this machine runs until it is unloaded, which may be never", () => {
    const here = model({
      provider: "llama-cpp",
      memoryBytes: 7n,
      contextLength: 512,
      sha256: "ab",
      created: { seconds: 1n, nanos: 5_000_000 },
    });
    const known = { model: here, facts: facts({ stay: { vramBytes: 3, untilMs: 1000 } }) };
    expect(isRunning(known)).toBe(true);
    expect(runningModel(known, digest, 0)).toMatchObject({
      ...{ size: 7, size_vram: 3, digest: "ab", context_length: 512, expires_at: "1970-01-01T00:00:01.000Z" },
    });
    const forever = { ...known, facts: facts({ stay: { vramBytes: 0, untilMs: undefined } }) };
    expect(runningModel(forever, digest, 0).expires_at).toMatch(/^22\d\d-/);
    expect(listedModel(known, digest).modified_at).toBe("1970-01-01T00:00:01.005Z");
  });

  it("is shown with what its file says, but for numbers that JSON has no place for", () => {
    const metadata = new Map<string, string | number>([
      ["general.architecture", "llama"],
      ["llama.odd", Infinity],
      ["tokenizer.chat_template", "{{ x }}"],
    ]);
    expect(shownModel({ model: model({ licence: "MIT" }), facts: facts({ parameterCount: 9 }) }, metadata)).toMatchObject({
      ...{ template: "{{ x }}", license: "MIT", modelfile: 'FROM m\nTEMPLATE """{{ x }}"""\nLICENSE """MIT"""\n' },
      model_info: { "general.architecture": "llama", "general.parameter_count": 9 },
    });
  });

  it.each([
    ["m", "m:latest"],
    ["m:7b", "m:7b"],
    ["hub.example:443/m", "hub.example:443/m:latest"],
    ["openai/gpt-4o", "openai/gpt-4o:latest"],
  ])("called %s is listed as %s, and known by both", (id, name) => {
    expect([withTag(id), withoutLatest(name)]).toEqual([name, id]);
  });
});

describe("a step of a pull", () => {
  const step = (phase: PullPhase) => create(PullModelResponseSchema, { phase, bytesDone: 5n });
  const pulling = { status: `pulling ${"a".repeat(12)}`, digest: `sha256:${"a".repeat(64)}`, completed: 5 };

  it("is told in the words that clients look for, and the last bytes once more", () => {
    const sha256 = "a".repeat(64);
    expect(pullStatuses(step(PullPhase.CONNECTING), { sha256 })).toEqual([{ status: "pulling manifest" }]);
    expect(pullStatuses(step(PullPhase.DOWNLOADING), { sha256 }, PullPhase.CONNECTING)).toEqual([pulling]);
    expect(pullStatuses(step(PullPhase.VERIFYING), { sha256 }, PullPhase.DOWNLOADING)).toEqual([
      pulling,
      { status: "verifying sha256 digest" },
    ]);
    expect(pullStatuses(step(PullPhase.DONE), { sha256 }, PullPhase.VERIFYING)).toEqual([{ status: "writing manifest" }]);
    expect(pullStatuses(step(PullPhase.DOWNLOADING), { sha256: "" })).toEqual([{ status: "pulling", completed: 5 }]);
  });
});

describe("a request for vectors", () => {
  const textsOf = (body: object) => embedRequestFromOllama({ model: "m", ...body }).request.inputs.map(({ input }) => input.value);

  it("takes a text or texts, which are cut unless it says otherwise", () => {
    expect([textsOf({ input: "a" }), textsOf({ input: ["a", "b"] })]).toEqual([["a"], ["a", "b"]]);
    const truncates = [{}, { truncate: true }, { truncate: false }].map(
      (more) => embedRequestFromOllama({ model: "m", input: "a", ...more }).request.truncate,
    );
    expect([...truncates, embeddingsRequestFromOllama({ model: "m", prompt: "a" }).request.truncate]).toEqual([true, true, false, true]);
  });

  it("hands what only its own kind of server knows on to one", () => {
    const { request } = embedRequestFromOllama({
      model: "m",
      input: "a",
      keep_alive: "5m",
      options: { num_ctx: 8, typical_p: 1, num_gpu: 1 },
    });
    expect(request.providerOptions).toEqual({ ollama: { keep_alive: "5m", num_ctx: 8 } });
  });

  it.each([
    [{ input: 7 }, "input"],
    [{ input: ["a", 7] }, "input[1]"],
    [{ input: "a", dimensions: 1.5 }, "dimensions"],
    [{ input: "a", truncate: "no" }, "truncate"],
    [{ input: "a", options: { num_ctx: "x" } }, "options.num_ctx"],
  ])("with %j is refused, naming the field", (body, field) => {
    expect(fieldOf(thrownBy(() => textsOf(body)))).toBe(field);
  });
});
