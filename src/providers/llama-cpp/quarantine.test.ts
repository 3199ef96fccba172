import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { SamplingSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf } from "../../core/reasons.ts";
import type { EngineRequest } from "../../engine/protocol/request.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { Quarantine } from "./quarantine.ts";
import { engineRequest } from "./request.ts";

const clock = fakeClock();
const open = (more = {}) => new Quarantine({ clock, limits: { ...defaultLimits, ...more } });

function asking(words: string, more: Parameters<typeof userRequest>[1] = {}, tenant = "tenant"): EngineRequest {
  return engineRequest(userRequest(words, more), { maxTokens: 10, temperature: undefined }, tenant);
}

function refusal(quarantine: Quarantine, asked: EngineRequest, model = "m"): string {
  try {
    return quarantine.isSuspect(model, asked) ? "suspect" : "";
  } catch (error) {
    return reasonOf(error);
  }
}

describe("the quarantine", () => {
  it("refuses what crashed an engine twice, for ten minutes after the last time", () => {
    const quarantine = open();
    expect(refusal(quarantine, asking("a"))).toBe("");
    expect(quarantine.crashed("m", [asking("a")])).toBe(0);
    expect(refusal(quarantine, asking("a"))).toBe("suspect");
    clock.advance(300_000);
    expect(quarantine.crashed("m", [asking("a")])).toBe(1);
    expect(() => quarantine.isSuspect("m", asking("a"))).toThrow(
      'this request has ended the process of model "m" 2 times and is refused for 600 s: change it, or tell the operator',
    );
    clock.advance(599_000);
    expect(refusal(quarantine, asking("a"))).toBe("quarantined");
    clock.advance(1000);
    expect(refusal(quarantine, asking("a"))).toBe("");
  });

  it("knows a request again whoever asks it, with whatever seeds, and no other", () => {
    const quarantine = open();
    for (let crash = 0; crash < 2; crash++) quarantine.crashed("m", [asking("a")]);
    const seeded = asking("a", { sampling: create(SamplingSchema, { seed: 7n }), includeProgress: true }, "somebody else");
    expect(refusal(quarantine, seeded)).toBe("quarantined");
    expect(refusal(quarantine, asking("b"))).toBe("");
    expect(refusal(quarantine, asking("a", { choices: 2 }))).toBe("");
    expect(refusal(quarantine, asking("a", { maxTokens: 11 }))).toBe("");
    expect(refusal(quarantine, asking("a"), "another model")).toBe("");
  });

  it("blames those alone that are suspects already", () => {
    const quarantine = open();
    quarantine.crashed("m", [asking("guilty"), asking("innocent")]);
    quarantine.cleared("m", asking("innocent"));
    quarantine.crashed("m", [asking("guilty"), asking("innocent"), asking("new")]);
    expect(["guilty", "innocent", "new"].map((words) => refusal(quarantine, asking(words)))).toEqual(["quarantined", "", ""]);
  });

  it("counts a request once that several had sent at the time", () => {
    const quarantine = open();
    quarantine.crashed("m", [asking("a"), asking("a"), asking("a")]);
    expect(refusal(quarantine, asking("a"))).toBe("suspect");
  });

  it("forgets those first whose crash was first, when it is full", () => {
    const quarantine = open({ quarantineEntries: 2 });
    for (const words of ["a", "b", "a", "c"]) quarantine.crashed("m", [asking(words)]);
    expect(["a", "b", "c"].map((words) => refusal(quarantine, asking(words)))).toEqual(["quarantined", "", "suspect"]);
  });
});
