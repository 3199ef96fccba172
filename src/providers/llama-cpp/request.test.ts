import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { engineRequest, seedsOf } from "./request.ts";

const nothing = { maxTokens: undefined, temperature: undefined };

describe("the request to an engine", () => {
  it("says every number of sampling: as llama.cpp's server has it where neither the caller nor the operator does", () => {
    const { sampling } = engineRequest(create(ChatRequestSchema, {}), nothing, "tenant");
    expect(sampling).toEqual({
      temperature: 0.8,
      topK: 40,
      topP: 0.95,
      minP: 0.05,
      presencePenalty: 0,
      frequencyPenalty: 0,
      repeatPenalty: 1,
      repeatLastTokens: 64,
      logitBias: [],
    });
  });

  it("takes the caller's word before the operator's, 0 included", () => {
    const defaults = { maxTokens: 7, temperature: 0.3 };
    const silent = engineRequest(create(ChatRequestSchema, {}), defaults, "tenant");
    expect([silent.maxTokens, silent.sampling.temperature]).toEqual([7, 0.3]);
    const said = engineRequest(
      create(ChatRequestSchema, { maxTokens: 3, sampling: { temperature: 0, repeatLastN: 0 } }),
      defaults,
      "tenant",
    );
    expect([said.maxTokens, said.sampling.temperature, said.sampling.repeatLastTokens]).toEqual([3, 0, 0]);
  });
});

describe("seeds", () => {
  it("are random where none is given, and never llama.cpp's word for random", () => {
    expect(new Set(seedsOf(undefined, 100)).size).toBe(100);
    expect(seedsOf(0xffff_ffffn, 1)[0]).toBeLessThan(0xffff_ffff);
  });

  it("follow from the one that is given, each choice another, whatever its size and sign", () => {
    for (const seed of [0n, 1n, -1n, 2n ** 62n, -(2n ** 63n)]) {
      const seeds = seedsOf(seed, 128);
      expect(seedsOf(seed, 128)).toEqual(seeds);
      expect(new Set(seeds).size).toBe(128);
      for (const one of seeds) expect(one >= 0 && one < 0xffff_ffff).toBe(true);
    }
    expect(seedsOf(42n, 2)[0]).toBe(42);
    expect(seedsOf(1n, 2)[1]).not.toBe(seedsOf(2n, 1)[0]);
  });
});
