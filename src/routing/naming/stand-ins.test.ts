import { describe, expect, it } from "vitest";
import { create } from "@bufbuild/protobuf";
import { ModelSchema } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelPurpose } from "../../core/ports.ts";
import { upstreamKindRow } from "../../core/upstream-kinds.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import { directoryWith, refusal, modelFile, stopsOf } from "../../testing/upstream-directory.ts";
import type { DirectoryOptions } from "./directory.ts";
import type { RoutedUpstream } from "./remote-targets.ts";
import { standIns } from "./stand-ins.ts";

const { signal } = new AbortController();

/** A directory with one upstream that answers for unknown names, and what it was asked to list. */
const setUp = (
  given: Partial<RoutedUpstream>,
  more: Partial<DirectoryOptions> = {},
  lists: readonly (readonly string[] | undefined)[] = [],
) => {
  const upstream: RoutedUpstream = {
    ...{ name: "vllm", defaultModel: "", models: [], unknownModels: "default", hasKeys: false },
    providers: [{ name: "vllm", fields: {}, generate: async function* () {}, listModels: async () => [], close: async () => {} }],
    ...given,
  };
  const { log, lines } = recordingLog();
  let asked = 0;
  const listOf = async () => lists[Math.min(asked++, lists.length - 1)]?.map((id) => create(ModelSchema, { id: `vllm/${id}` }));
  const names = directoryWith({
    upstreams: [upstream],
    defaultProvider: "vllm",
    standIns: standIns({ remote: { listOf }, log, limit: 2 }),
    ...more,
  });
  const learn = (model: string, purpose: ModelPurpose = "chat", provider = "") => names.names.learn({ model, provider, purpose, signal });
  const leads = async (model: string) => (await learn(model), stopsOf(names.names, model)[0]?.slice("0 1 ".length));
  return { names: names.names, lines, learn, leads, listings: () => asked };
};

describe("a name that nobody has", () => {
  it("is answered by the default model of the upstream that answers for such names, under the name that was asked for", async () => {
    const { leads, names } = setUp({ defaultModel: "real" }, {}, [["real", "adapter"]]);
    expect([await leads("made-up"), await leads("adapter"), await leads("real"), await leads("vllm/made-up")]).toEqual([
      ...["vllm/real", "vllm/adapter", "vllm/real", "vllm/made-up"],
    ]);
    expect(names.resolve("made-up", "").name).toBe("made-up");
  });

  it("is answered by the first model that is listed where there is no default, which may change", async () => {
    const { leads } = setUp({}, {}, [["first", "second"], ["other"], ["made-up"]]);
    expect([await leads("made-up"), await leads("made-up"), await leads("made-up")]).toEqual(["vllm/first", "vllm/other", "vllm/made-up"]);
  });

  it("is answered by whatever is served where no list is told", async () => {
    expect(await setUp({}, {}, [undefined]).leads("made-up")).toBe("vllm/default");
  });

  it("is told by how it is written where all names are written in one way, and nobody waits for a list", async () => {
    const { leads, listings } = setUp({ defaultModel: "meta-llama/Llama", ownNames: upstreamKindRow("huggingface").ownNames });
    expect([await leads("intelia-llama"), await leads("mistralai/Mistral:fastest")]).toEqual([
      "vllm/meta-llama/Llama",
      "vllm/mistralai/Mistral:fastest",
    ]);
    expect(listings()).toBe(0);
  });

  it.each([
    ["the upstream does not say so", { unknownModels: "pass" }, {}, "vllm/made-up"],
    ["an alias is the operator's word", {}, { aliases: { "made-up": "meant" } }, "vllm/meant"],
    ["a star is", {}, { aliases: { "*": "meant" } }, "vllm/meant"],
  ] as const)("is not answered so where %s", async (_, upstream, more, expected) => {
    expect(await setUp({ defaultModel: "real", ...upstream }, more, [["real"]]).leads("made-up")).toBe(expected);
  });

  it("never leaves this machine where a local model answers by default", () => {
    const only = setUp({ defaultModel: "real" }, { defaultProvider: "auto" });
    expect(stopsOf(only.names, "made-up")).toEqual(["0 1 vllm/real"]);
    const files = [modelFile("a")];
    const library: DirectoryOptions["library"] = {
      ...{ watch: () => () => {}, list: () => files, catalog: () => [], defaultId: "a" },
      find: (name) => files.find(({ id }) => id === name),
    };
    const { names } = setUp({ defaultModel: "real" }, { defaultProvider: "auto", library });
    expect(refusal(() => names.resolve("made-up", ""))[0]).toBe("model_not_found");
  });

  it("is passed on where vectors are asked for, or the upstream is named", () => {
    const { names, learn } = setUp({ defaultModel: "real" });
    expect(names.resolve("made-up", "", "embed").stops[0]?.target.model).toBe("made-up");
    expect(names.resolve("made-up", "vllm").stops[0]?.target.model).toBe("made-up");
    expect([learn("made-up", "embed"), learn("made-up", "chat", "vllm"), learn(""), learn("echo"), learn("vllm/x")]).toEqual([
      ...[undefined, undefined, undefined, undefined, undefined],
    ]);
  });

  it("is warned of once a name, and of so many names", async () => {
    const { leads, lines } = setUp({ defaultModel: "real" }, {}, [["real"]]);
    for (const name of ["a", "a", "b", "c", "a"]) await leads(name);
    expect(lines.map(({ message, facts }) => [message, facts])).toEqual([
      ["a model that nobody has is answered by another", { asked: "a", provider: "vllm", model: "real" }],
      ["a model that nobody has is answered by another", { asked: "b", provider: "vllm", model: "real" }],
      ["further names that nobody has are not told of one by one", { names: 2 }],
    ]);
  });
});
