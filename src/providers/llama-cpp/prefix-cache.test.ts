import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultLimits, type Limits } from "../../core/limits.ts";
import { engineLoad, type LoadSurroundings } from "./load-options.ts";

const sha256 = "a".repeat(64);
const cacheOf = (more: Partial<LoadSurroundings> = {}, limits: Partial<Limits> = {}) =>
  engineLoad(
    {},
    { modelPath: "/models/a.gguf", sha256, dataDirectory: "/data", gpu: "none", limits: { ...defaultLimits, ...limits }, ...more },
  ).prefixCache;

describe("where an engine keeps states of prompts", () => {
  it("is in memory, and below the data folder within its limits", () => {
    expect(cacheOf()).toMatchObject({
      memoryBytes: 512 * 2 ** 20,
      diskFolder: join("/data", "cache", "prefixes"),
      diskBytes: 2 ** 30,
      modelSha256: sha256,
    });
  });

  it("is not on disk without a data folder, without room, or for a file that nobody has hashed", () => {
    expect(cacheOf({ dataDirectory: undefined })).not.toHaveProperty("diskFolder");
    expect(cacheOf({}, { prefixDiskBytes: 0 })).not.toHaveProperty("diskFolder");
    expect(cacheOf({ sha256: "" })).not.toHaveProperty("diskFolder");
  });

  it("is nowhere where there is no room in memory", () => {
    expect(cacheOf({}, { prefixMemoryBytes: 0 })).toBeUndefined();
  });
});
