import { describe, expect, it } from "vitest";
import { tinyGguf } from "./tiny-gguf.ts";

describe("a tiny model", () => {
  it("is small, and the same for the same options", () => {
    const bytes = tinyGguf();
    expect(bytes.length).toBeLessThan(1_000_000);
    expect(bytes.equals(tinyGguf())).toBe(true);
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0]));
  });

  it("is another for another seed", () => {
    expect(tinyGguf({ seed: 2 }).equals(tinyGguf())).toBe(false);
  });
});
