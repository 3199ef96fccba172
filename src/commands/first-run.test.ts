import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ModelSchema, PullModelResponseSchema, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { loadConfig } from "../config.ts";
import type { Library, ModelFile } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { ensureModel } from "./first-run.ts";

function file(id: string, more: Partial<ModelFile> = {}): ModelFile {
  return {
    id,
    aliases: [`${id}.gguf`],
    path: `/models/${id}.gguf`,
    sizeBytes: 1,
    modifiedMs: 0,
    title: id,
    licence: "",
    sha256: "",
    architecture: "llama",
    trainedContextLength: 2048,
    purpose: "chat",
    problem: "",
    ...more,
  };
}

/** A library whose folder has these files; a pull ends with the error, if there is one. */
function libraryWith(files: readonly ModelFile[], pullError?: Error): Pick<Library, "find" | "list" | "catalog" | "defaultId" | "pull"> {
  return {
    list: () => files,
    find: (name) => files.find(({ id, aliases }) => id === name || aliases.includes(name)),
    catalog: () => [create(ModelSchema, { id: "default" }), create(ModelSchema, { id: "other", aliases: ["other.gguf"] })],
    defaultId: "default",
    async *pull() {
      yield create(PullModelResponseSchema);
      if (pullError !== undefined) throw pullError;
    },
  };
}

async function pulledBy(variables: Record<string, string>, library: ReturnType<typeof libraryWith>, signal = new AbortController().signal) {
  const pulled: string[] = [];
  const show = async (id: string, steps: AsyncIterable<PullModelResponse>) => {
    pulled.push(id);
    for await (const _ of steps);
  };
  const note = await ensureModel({ settings: loadConfig({ environment: variables }).settings, library, show, signal });
  return { pulled, note };
}

const unreachable = fault("pull_failed", "no source gives default: the hub did not answer");

describe("the first start", () => {
  it.each([
    ["pulls the catalog's default where no model is on disk", {}, [], ["default"]],
    ["pulls nothing where a model is on disk", {}, [file("mine")], []],
    ["pulls where all that is on disk makes vectors", {}, [file("minilm", { purpose: "embed" })], ["default"]],
    ["pulls where what is on disk cannot be loaded", {}, [file("broken", { problem: "cut off" })], ["default"]],
    ["pulls nothing for echo", { LLM_DEFAULT_PROVIDER: "stub" }, [], []],
    ["pulls nothing where echo is the default model", { LLM_DEFAULT_MODEL: "echo" }, [], []],
    ["pulls the default model that was asked for", { LLM_DEFAULT_MODEL: "other.gguf" }, [file("mine")], ["other"]],
    ["follows an alias", { LLM_DEFAULT_MODEL: "gpt-4o", LLM_MODEL_ALIASES: "gpt-4o=other" }, [], ["other"]],
    ["follows the alias of all unknown names", { LLM_DEFAULT_MODEL: "gpt-4o", LLM_MODEL_ALIASES: "*=mine" }, [file("mine")], []],
    [
      "follows no alias of what an alias stands for",
      { LLM_DEFAULT_MODEL: "a", LLM_MODEL_ALIASES: "*=other,other=mine" },
      [file("mine")],
      ["other"],
    ],
    ["pulls the first that it leads to", { LLM_DEFAULT_MODEL: "default", LLM_MODEL_ALIASES: "*=other" }, [], ["default"]],
    ["pulls nothing where an upstream answers by default", { LLM_PROVIDER: "vllm" }, [], []],
    ["pulls nothing where an upstream can answer", { OPENAI_API_KEY: "k" }, [], []],
    ["pulls nothing for an upstream's model", { OPENAI_API_KEY: "k", LLM_DEFAULT_MODEL: "openai/gpt-x" }, [], []],
    ["pulls nothing for a model that only an upstream may know", { OPENAI_API_KEY: "k", LLM_DEFAULT_MODEL: "gpt-x" }, [], []],
    ["pulls a model of the catalog beside upstreams", { OPENAI_API_KEY: "k", LLM_DEFAULT_MODEL: "other" }, [], ["other"]],
    ["leaves it to an upstream which of several models answers", { OPENAI_API_KEY: "k" }, [file("a"), file("b")], []],
    ["finds the default model on disk by its file name", { LLM_DEFAULT_MODEL: "mine.gguf" }, [file("mine")], []],
  ])("%s", async (_, variables, files, expected) => {
    expect(await pulledBy(variables, libraryWith(files))).toEqual({ pulled: expected, note: undefined });
  });

  it("says in one sentence that echo answers where no source does", async () => {
    const { note } = await pulledBy({}, libraryWith([], unreachable));
    expect(note).toBe(
      "no model could be pulled, so echo answers, which repeats what it is told (no source gives default: the hub did not answer)",
    );
  });

  it.each([[{ LLM_PROVIDER: "local" }], [{ LLM_DEFAULT_PROVIDER: "llama-cpp" }], [{ LLM_DEFAULT_MODEL: "default" }]])(
    "is an error where no source answers and %o insists",
    async (variables) => {
      await expect(pulledBy(variables, libraryWith([], unreachable))).rejects.toBe(unreachable);
    },
  );

  it("says that echo answers where several models are on disk and none is chosen", async () => {
    const { pulled, note } = await pulledBy({}, libraryWith([file("a"), file("b")]));
    expect(pulled).toEqual([]);
    expect(note).toContain("LLM_DEFAULT_MODEL");
    expect((await pulledBy({ LLM_DEFAULT_MODEL: "a" }, libraryWith([file("a"), file("b")]))).note).toBeUndefined();
    expect((await pulledBy({}, libraryWith([file("a"), file("default")]))).note).toBeUndefined();
  });

  it("refuses a default model that exists nowhere", async () => {
    await expect(pulledBy({ LLM_DEFAULT_MODEL: "nowhere" }, libraryWith([]))).rejects.toThrow(
      'the default model "nowhere" is neither on disk nor in the catalog',
    );
  });

  it("does not call a pull that was stopped a failure of the sources", async () => {
    await expect(pulledBy({}, libraryWith([], unreachable), AbortSignal.abort())).rejects.toBe(unreachable);
  });
});
