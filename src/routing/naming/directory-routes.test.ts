import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { directoryWith as setUp, modelFile as file, refusal, route, stopsOf, to } from "../../testing/upstream-directory.ts";

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

  it("says what the caller left out before the defaults do, which files know themselves", () => {
    const defaults = create(ChatRequestSchema, { maxTokens: 9, sampling: { temperature: 0.3 } });
    const { names } = setUp({ routes, defaults }, [file("a")]);
    const filled = (model: string, place: number) => names.resolve(model, "").stops[place]?.fill?.(create(ChatRequestSchema));
    expect([0, 2].map((place) => filled("smart", place))).toMatchObject([
      { maxTokens: 5, sampling: { temperature: 0.3 } },
      { maxTokens: 9, sampling: { temperature: 0.3 } },
    ]);
    expect([filled("vllm/m", 0)?.maxTokens, filled("smart", 5)]).toEqual([9, undefined]);
  });

  it("is narrowed by the provider that a request names, and refused where that has no part in it", () => {
    const { names } = setUp({ routes });
    expect(stopsOf(names, "smart", "vllm")).toEqual(["1 3 vllm/gpt-4o"]);
    expect(
      refusal(() => setUp({ routes: [route("r", [to({ upstream: "openai", model: "m" })])] }).names.resolve("r", "vllm"))[1],
    ).toContain('provider "vllm" has no model "r"; openai has');
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
