import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import type { ModelFile, Provider } from "../core/ports.ts";
import { reasonOf } from "../core/reasons.ts";
import type { RouteSettings, RouteTarget } from "../core/routes.ts";
import { plainTarget } from "../testing/plain-target.ts";
import { directory, type DirectoryOptions } from "./directory.ts";
import type { RoutedUpstream } from "./remote-targets.ts";

const file = (id: string): ModelFile => ({
  ...{ id, aliases: [`${id}.gguf`], path: `/m/${id}.gguf`, sizeBytes: 1, modifiedMs: 0, title: id, licence: "", sha256: "" },
  ...{ architecture: "llama", trainedContextLength: 128, purpose: "chat", problem: "" },
});
const provider = (name: string): Provider => ({
  ...{ name, fields: {}, generate: async function* () {}, listModels: async () => [], close: async () => {} },
});
const upstream = (name: string, keys: number, more: Partial<RoutedUpstream> = {}): RoutedUpstream => ({
  ...{ name, hasKeys: keys > 0, providers: Array.from({ length: Math.max(1, keys) }, () => provider(name)) },
  ...{ defaultModel: undefined, models: [], ...more },
});
const openai = upstream("openai", 2, { defaultModel: "gpt-4o-mini" });
const vllm = upstream("vllm", 0, { defaultModel: "", models: ["meta/llama"] });

const setUp = (more: Partial<DirectoryOptions> = {}, files: readonly ModelFile[] = []) => {
  const made: string[] = [];
  const listeners: (() => void)[] = [];
  const forgotten: string[] = [];
  const names = directory({
    library: {
      watch(listener) {
        listeners.push(listener);
        return () => {};
      },
      ...{ list: () => files, catalog: () => [], defaultId: "small" },
      find: (name) => files.find(({ id, aliases }) => id === name || aliases.includes(name)),
    },
    ...{ local: provider("llama-cpp"), echo: provider("echo"), upstreams: [openai, vllm], aliases: {}, routes: [], fallback: [] },
    ...{ defaultModel: "", defaultProvider: "auto", askedModels: 3, forget: ({ model }) => void forgotten.push(model) },
    target({ provider: { name }, model, label, key }) {
      made.push(`${name}/${model}`);
      return plainTarget({ provider: name, model: label, key });
    },
    ...more,
  });
  return { names, made, forgotten, changed: () => listeners.forEach((listener) => listener()) };
};
type Set = ReturnType<typeof setUp>["names"];
/** Each stop as `rank weight provider/model#key`, with `!` where another model than the first is meant. */
const stopsOf = (names: Set, model: string, from = "") =>
  names
    .resolve(model, from)
    .stops.map(({ rank, weight, target, isOtherModel }) =>
      [rank, weight, `${target.provider}/${target.model}${target.key === 0 ? "" : `#${target.key}`}${isOtherModel ? "!" : ""}`].join(" "),
    );
const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return [reasonOf(error), (error as Error).message] as const;
  }
  throw new Error("it was not refused");
};
const to = (target: Partial<RouteTarget> & Pick<RouteTarget, "upstream" | "model">): RouteTarget => ({
  ...{ weight: undefined, key: undefined, contextLength: undefined, parameters: undefined },
  ...target,
});
const route = (model: string, targets: readonly RouteTarget[], more: Partial<RouteSettings> = {}): RouteSettings => ({
  ...{ model, targets, hedge: undefined, rescue: undefined },
  ...more,
});

describe("a model of an upstream", () => {
  it.each([
    ["by the upstream's name before it, once for each key", "openai/gpt-4o", ["0 1 openai/gpt-4o#1", "0 1 openai/gpt-4o#2"]],
    ["whatever slashes it has", "openai/ft:a/b/c", ["0 1 openai/ft:a/b/c#1", "0 1 openai/ft:a/b/c#2"]],
    ["by its bare name where the configuration lists it", "meta/llama", ["0 1 vllm/meta/llama"]],
    ["by its bare name where it is the default", "gpt-4o-mini", ["0 1 openai/gpt-4o-mini#1", "0 1 openai/gpt-4o-mini#2"]],
    ["of which nobody knows the name, by the upstream's own", "vllm", ["0 1 vllm/default"]],
  ])("is found %s", (_, model, stops) => {
    expect(stopsOf(setUp().names, model)).toEqual(stops);
    expect(setUp().names.resolve(model, "").name).toBe(model);
  });

  it("is asked for as it stands where the request names the upstream", () => {
    const { names } = setUp({ aliases: { mine: "gpt-x" } }, [file("gpt-x")]);
    expect(stopsOf(names, "gpt-x", "vllm")).toEqual(["0 1 vllm/gpt-x"]);
    expect(stopsOf(names, "vllm/gpt-x", "vllm")).toEqual(["0 1 vllm/gpt-x"]);
    expect(stopsOf(names, "openai/gpt-x", "vllm")).toEqual(["0 1 vllm/openai/gpt-x"]);
    expect(stopsOf(names, "mine", "vllm")).toEqual(["0 1 vllm/gpt-x"]);
    expect(stopsOf(names, "", "openai")[0]).toBe("0 1 openai/gpt-4o-mini#1");
    expect(refusal(() => names.resolve("gpt-x", "azure"))).toEqual([
      "provider_not_found",
      '[not_found] there is no provider "azure"; there are llama-cpp, echo, openai and vllm',
    ]);
  });

  it("keeps its targets: the same objects, made once", () => {
    const { names, made } = setUp();
    const targets = () => names.resolve("openai/gpt-4o", "").stops.map(({ target }) => target);
    const [first] = targets();
    expect(targets()[0]).toBe(first);
    expect(made).toEqual(["openai/gpt-4o", "openai/gpt-4o"]);
  });
});

describe("a name that nobody knows", () => {
  it("goes to the upstream that is the default provider, as it stands, before which the star is heeded", () => {
    expect(stopsOf(setUp({ defaultProvider: "vllm" }).names, "whatever/it:is")).toEqual(["0 1 vllm/whatever/it:is"]);
    const starred = setUp({ defaultProvider: "vllm", aliases: { "*": "real" } });
    expect(stopsOf(starred.names, "whatever")).toEqual(["0 1 vllm/real"]);
    expect(starred.names.resolve("whatever", "").name).toBe("whatever");
  });

  it("goes to the first upstream where no local model answers by default, and never leaves this machine where one does", () => {
    expect(stopsOf(setUp().names, "gpt-x")[0]).toBe("0 1 openai/gpt-x#1");
    expect(refusal(() => setUp({}, [file("a")]).names.resolve("gpt-x", ""))[0]).toBe("model_not_found");
    expect(refusal(() => setUp({ defaultProvider: "echo" }).names.resolve("gpt-x", ""))[0]).toBe("model_not_found");
  });

  it("is bounded: as a target by use, and as a label for good", () => {
    const { names, made, forgotten } = setUp({ defaultProvider: "vllm", defaultModel: "kept" });
    const labels = ["1", "2", "3", "4", "5"].map((name) => names.resolve(name, "").stops[0]?.target.model);
    expect(labels).toEqual(["1", "2", "3", "other", "other"]);
    expect(
      [names.resolve("1", ""), names.resolve("kept", ""), names.resolve("meta/llama", "")].map(({ stops }) => stops[0]?.target.model),
    ).toEqual([...["1", "kept", "meta/llama"]]);
    expect(forgotten).toEqual(["1", "2", "3"]);
    expect(made.slice(0, 6)).toEqual(["vllm/1", "vllm/2", "vllm/3", "vllm/4", "vllm/5", "vllm/1"]);
  });
});

describe("what is kept of names", () => {
  it("is the destination, as long as neither files nor the default change", () => {
    const files: ModelFile[] = [];
    const { names, changed } = setUp({ defaultProvider: "vllm" }, files);
    const first = names.resolve("a", "");
    expect(names.resolve("a", "")).toBe(first);
    files.push(file("a"));
    changed();
    expect(stopsOf(names, "a")).toEqual(["0 1 llama-cpp/a"]);
    const unnamed = names.resolve("", "").name;
    names.setDefault("gpt-4o-mini");
    expect([unnamed, names.resolve("", "").name]).toEqual(["vllm", "gpt-4o-mini"]);
  });

  it("is the use of made-up models, so that those asked for again and again stay", () => {
    const { names, forgotten } = setUp({ defaultProvider: "vllm" });
    for (const name of ["1", "2", "3", "1", "1", "4", "5"]) names.resolve(name, "");
    expect(forgotten).toEqual(["2", "3"]);
  });
});

describe("a route", () => {
  const four = [
    to({ upstream: "openai", model: "gpt-4o", contextLength: 8, parameters: create(ChatRequestSchema, { maxTokens: 5 }) }),
    to({ upstream: "vllm", model: "gpt-4o", weight: 3 }),
    to({ upstream: "openai", model: "gpt-x", weight: 1 }),
    to({ upstream: "llama-cpp", model: "a.gguf" }),
  ];
  const routes = [route("smart", four, { hedge: { afterMs: 5, percent: 9 }, rescue: { attempts: 1 } })];

  it("is tried in its order; neighbours with weights are one rank, and keys share what their target has", () => {
    const { names } = setUp({ routes, aliases: { gpt: "smart" } }, [file("a")]);
    expect(stopsOf(names, "smart")).toEqual([
      ...["0 0.5 openai/gpt-4o#1", "0 0.5 openai/gpt-4o#2", "1 3 vllm/gpt-4o", "1 0.5 openai/gpt-x#1!", "1 0.5 openai/gpt-x#2!"],
      "2 1 llama-cpp/a!",
    ]);
    const { stops, hedge, rescue } = names.resolve("gpt", "");
    expect([hedge, rescue, stops[0]?.contextLength, stops[2]?.contextLength]).toEqual([
      { afterMs: 5, percent: 9 },
      { attempts: 1 },
      8,
      undefined,
    ]);
    expect(stops[0]?.fill?.(create(ChatRequestSchema)).maxTokens).toBe(5);
    expect(stops[2]?.fill).toBeUndefined();
  });

  it("is narrowed by the provider that a request names, and refused where that has no part in it", () => {
    const { names } = setUp({ routes });
    expect(stopsOf(names, "smart", "vllm")).toEqual(["1 3 vllm/gpt-4o"]);
    expect(refusal(() => names.resolve("smart", "echo"))[1]).toContain('provider "echo" has no model "smart"; openai has');
  });

  it("passes over a file that is not there, and may ask one key alone", () => {
    const { names } = setUp({
      routes: [route("r", [to({ upstream: "llama-cpp", model: "gone" }), to({ upstream: "openai", model: "m", key: 2 })])],
    });
    expect(stopsOf(names, "r")).toEqual(["1 1 openai/m#2"]);
  });

  it("keeps two runs of weights apart that have a target without one between them", () => {
    const targets = [1, undefined, 2, 3].map((weight, index) => to({ upstream: "vllm", model: `m${index}`, weight }));
    expect(stopsOf(setUp({ routes: [route("r", targets)] }).names, "r").map((stop) => stop.split(" ")[0])).toEqual(["0", "1", "2", "2"]);
  });
});

describe("fallbacks", () => {
  const fallback = ["openai", "llama-cpp", "echo"];

  it("come behind a model's own targets, in their order, each with its default model", () => {
    expect(stopsOf(setUp({ fallback }, [file("a")]).names, "vllm/m")).toEqual([
      ...["0 1 vllm/m", "1 1 openai/gpt-4o-mini#1!", "1 1 openai/gpt-4o-mini#2!", "2 1 llama-cpp/a!", "3 1 echo/echo!"],
    ]);
  });

  it("leave out what is there already, and a local model where there is none", () => {
    expect(stopsOf(setUp({ fallback }).names, "gpt-4o-mini")).toEqual([
      ...["0 1 openai/gpt-4o-mini#1", "0 1 openai/gpt-4o-mini#2", "1 1 echo/echo!"],
    ]);
  });

  it("serve neither who names a provider, nor vectors, which are of one model alone", () => {
    const { names } = setUp({ fallback });
    expect(stopsOf(names, "m", "vllm")).toHaveLength(1);
    expect(names.resolve("vllm/m", "", "embed").stops).toHaveLength(1);
  });
});

describe("the default", () => {
  it.each([
    ["the named provider's", { defaultProvider: "openai" }, [file("a")], "gpt-4o-mini"],
    ["whatever a server has that takes no name", { defaultProvider: "vllm" }, [], "vllm"],
    ["the local model's before an upstream's", {}, [file("a")], "a"],
    ["the first upstream's where there is no local model", {}, [], "gpt-4o-mini"],
    ["no upstream's where the local provider was chosen", { defaultProvider: "llama-cpp" }, [], undefined],
    ["what was chosen, at the default provider", { defaultProvider: "openai", defaultModel: "gpt-x" }, [], "gpt-x"],
  ])("is %s", (_, options, files, name) => {
    expect(setUp(options, files).names.defaultModel()).toBe(name);
  });

  it("is asked for with the upstream's name before it where a file has its own", () => {
    const { names } = setUp({ defaultProvider: "openai" }, [file("gpt-4o-mini")]);
    expect([names.defaultModel(), stopsOf(names, "")[0]]).toEqual(["openai/gpt-4o-mini", "0 1 openai/gpt-4o-mini#1"]);
  });

  it("at one provider is that provider's, unless the chosen one is there", () => {
    const { names } = setUp({ defaultProvider: "openai", defaultModel: "gpt-x" }, [file("a")]);
    expect(["openai", "vllm", "llama-cpp", "echo"].map((name) => names.defaultModel(name))).toEqual(["gpt-x", "vllm", "a", "echo"]);
  });

  it("of vectors is no upstream's, unless that serves one model alone", () => {
    const { names } = setUp();
    expect(["", "openai", "vllm"].map((name) => names.defaultModel(name, "embed"))).toEqual([undefined, undefined, "vllm"]);
  });
});
