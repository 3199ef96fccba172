import { describe, expect, it } from "vitest";
import type { ModelFile } from "../../core/ports.ts";
import { directoryWith as setUp, modelFile as file, refusal, route, stopsOf, to } from "../../testing/upstream-directory.ts";

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
    const labels = ["1", "2", "3", "4", "5"].map((name) => names.resolve(name, "").stops[0]?.target.label);
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

  it("is never forgotten once the configuration has asked for it, and is called by its own name from then on", () => {
    const routes = [
      route("smart", [to({ upstream: "vllm", model: "known" })]),
      route("bright", [to({ upstream: "vllm", model: "called-other" })]),
    ];
    const { names, forgotten } = setUp({ defaultProvider: "vllm", routes });
    const labelOf = (name: string) => names.resolve(name, "").stops[0]?.target.label;
    const [, , first] = ["1", "2", "known"].map((name) => names.resolve(name, "").stops[0]?.target);
    expect([labelOf("called-other"), forgotten]).toEqual(["other", ["1"]]);
    expect(names.resolve("called-other", "").stops[0]?.target.model).toBe("called-other");
    expect(names.resolve("smart", "").stops[0]?.target).toBe(first);
    expect([labelOf("bright"), labelOf("called-other")]).toEqual(["called-other", "called-other"]);
    expect(forgotten).toEqual(["1", "called-other"]);
    for (let name = 3; name < 9; name++) names.resolve(`${name}`, "");
    expect(forgotten).not.toContain("known");
    expect(names.resolve("smart", "").stops[0]?.target).toBe(first);
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
