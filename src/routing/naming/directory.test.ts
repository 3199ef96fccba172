import { describe, expect, it } from "vitest";
import { create } from "@bufbuild/protobuf";
import { ModelSchema } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelFile, Provider } from "../../core/ports.ts";
import { reasonOf } from "../../core/reasons.ts";
import type { RouteSettings, RouteTarget } from "../../core/routes.ts";
import { plainTarget } from "../../testing/plain-target.ts";
import { directory, type DirectoryOptions } from "./directory.ts";

const file = (id: string, more: Partial<ModelFile> = {}): ModelFile => ({
  ...{ id, aliases: [`${id}.gguf`], path: `/m/${id}.gguf`, sizeBytes: 1, modifiedMs: 0, title: id, licence: "", sha256: "" },
  ...{ architecture: "llama", trainedContextLength: 128, purpose: "chat", problem: "" },
  ...more,
});
const provider = (name: string): Provider => ({
  name,
  fields: {},
  generate: async function* () {},
  listModels: async () => [],
  close: async () => {},
});
const setUp = (files: readonly ModelFile[], more: Partial<DirectoryOptions> = {}) =>
  directory({
    library: {
      watch: () => () => {},
      list: () => files,
      find: (name) => files.find(({ id, aliases }) => id === name || aliases.includes(name)),
      catalog: () => [create(ModelSchema, { id: "catalog-model" })],
      defaultId: "small",
    },
    ...{ local: provider("llama-cpp"), echo: provider("echo"), upstreams: [], aliases: {}, routes: [], fallback: [] },
    ...{ defaultModel: "", defaultProvider: "auto", defaults: undefined, askedModels: 3, forget() {} },
    target: ({ provider: { name }, model, label, key }) => plainTarget({ provider: name, model: model || label, label, key }),
    ...more,
  });
const route = (model: string, targets: readonly Partial<RouteTarget>[]): RouteSettings => ({
  ...{ model, hedge: undefined, rescue: undefined },
  targets: targets.map((target) => ({
    ...{ upstream: "echo", model: "echo", weight: undefined, key: undefined, contextLength: undefined, parameters: undefined },
    ...target,
  })),
});
const goesTo = (names: ReturnType<typeof setUp>, model: string, from = "") => {
  const { name, stops } = names.resolve(model, from);
  return [name, stops[0]?.target.provider, stops[0]?.target.model];
};
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return [reasonOf(error), (error as Error).message] as const;
  }
  throw new Error("it was not refused");
};

describe("the default model", () => {
  it("is echo where nothing is on disk", () => expect(goesTo(setUp([]), "")).toEqual(["echo", "echo", "echo"]));
  it("is the only file that chats", () => {
    const files = [file("a"), file("vectors", { purpose: "embed" }), file("broken", { problem: "cut off" })];
    expect(goesTo(setUp(files), "")).toEqual(["a", "llama-cpp", "a"]);
  });
  it("is the catalog's default among several", () => expect(goesTo(setUp([file("a"), file("small")]), "")[2]).toBe("small"));
  it("is echo among several of which none is the catalog's", () => expect(goesTo(setUp([file("a"), file("b")]), "")[2]).toBe("echo"));
  it("is what the configuration says, alias or not", () => {
    const names = setUp([file("a"), file("b")], { defaultModel: "mine", aliases: { mine: "b" } });
    expect(goesTo(names, "")).toEqual(["mine", "llama-cpp", "b"]);
  });
  it("is never echo where the local provider was chosen", () => {
    expect(refusal(() => setUp([], { defaultProvider: "llama-cpp" }).resolve("", ""))[0]).toBe("model_not_found");
  });
  it("for vectors is the only file that was made for them, and for an order the only one that ranks", () => {
    const names = setUp([file("a"), file("vectors", { purpose: "embed" }), file("order", { purpose: "rerank" })]);
    expect(names.resolve("", "", "embed")).toMatchObject({ name: "vectors", stops: [{ target: { model: "vectors" } }] });
    expect([names.defaultModel("", "embed"), names.defaultModel("", "rerank"), names.defaultModel("")]).toEqual(["vectors", "order", "a"]);
  });
  it("for vectors is never a guess: of several none is it, nor a model that chats", () => {
    const several = setUp([file("a"), file("v1", { purpose: "embed" }), file("v2", { purpose: "embed" })]);
    expect(refusal(() => several.resolve("", "", "embed"))).toEqual(["model_not_found", expect.stringContaining("name one of v1, v2")]);
    expect(refusal(() => setUp([file("a")]).resolve("", "", "rerank"))[1]).toContain("no default reranking model");
  });
  it("changes by setDefault", () => {
    const names = setUp([file("a"), file("b")]);
    names.setDefault("b");
    expect(goesTo(names, "")[2]).toBe("b");
  });
});

describe("a name", () => {
  it("finds a file with and without its ending, and answers repeat what was asked", () => {
    expect(goesTo(setUp([file("a")]), "a.gguf")).toEqual(["a.gguf", "llama-cpp", "a"]);
  });
  it("may be an alias; the star catches the rest", () => {
    const names = setUp([file("a")], { aliases: { "gpt-4o": "a", "*": "echo" } });
    expect(goesTo(names, "gpt-4o")).toEqual(["gpt-4o", "llama-cpp", "a"]);
    expect(goesTo(names, "anything")).toEqual(["anything", "echo", "echo"]);
  });
  it("may be a route to a provider's model", () => {
    const routes = [
      route("gpt-4o", [{ upstream: "llama-cpp", model: "a" }]),
      route("parrot", [{ upstream: "echo", model: "echo" }]),
      route("lost", [{ upstream: "llama-cpp", model: "gone" }]),
    ];
    const names = setUp([file("a")], { routes });
    expect(goesTo(names, "gpt-4o")).toEqual(["gpt-4o", "llama-cpp", "a"]);
    expect(goesTo(names, "parrot")).toEqual(["parrot", "echo", "echo"]);
    expect(refusal(() => names.resolve("lost", ""))[0]).toBe("model_not_found");
  });
  it("that nobody has is refused, with what to do for one of the catalog", () => {
    expect(refusal(() => setUp([]).resolve("nobody", ""))[0]).toBe("model_not_found");
    expect(refusal(() => setUp([]).resolve("catalog-model", ""))[1]).toContain("parley models pull catalog-model");
  });
  it("of Object's own is nobody's", () => expect(refusal(() => setUp([]).resolve("constructor", ""))[0]).toBe("model_not_found"));
  it("is held to the provider that the request names", () => {
    const names = setUp([file("a")]);
    expect(goesTo(names, "", "echo")).toEqual(["echo", "echo", "echo"]);
    expect(refusal(() => names.resolve("a", "openai"))[0]).toBe("provider_not_found");
  });
});

describe("echo, where a request names it as the provider", () => {
  it("answers to any model's name, and to no vectors", () => {
    const names = setUp([file("a")], { aliases: { mine: "a" } });
    for (const name of ["gpt-4o-mini", "a", "mine", "echo"]) expect(goesTo(names, name, "echo")).toEqual([name, "echo", "echo"]);
    expect(refusal(() => names.resolve("gpt-4o-mini", "echo", "embed"))[0]).toBe("model_not_found");
    expect(refusal(() => names.resolve("gpt-4o-mini", ""))[0]).toBe("model_not_found");
  });
});
