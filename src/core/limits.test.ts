import { describe, expect, it } from "vitest";
import { limitFault, limits, resolveLimits } from "./limits.ts";
import { reasonOf } from "./reasons.ts";

describe("limits", () => {
  it("are changed by name, within their range", () => {
    expect(resolveLimits({ maxChoices: 2n }).maxChoices).toBe(2);
    expect(() => resolveLimits({ maxChoices: 0 })).toThrow("maxChoices");
    expect(() => resolveLimits({ maxChoyces: 1 })).toThrow("no such limit");
    expect(() => resolveLimits({ constructor: 1 })).toThrow("no such limit");
  });
  it("have defaults within their own range, and errors that name them", () => {
    for (const [name, row] of Object.entries(limits)) expect(row.default >= row.min && row.default <= row.max, name).toBe(true);
    expect(reasonOf(limitFault("maxBodyBytes", "too large"))).toBe("body_too_large");
  });
});
