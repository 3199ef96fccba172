import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { defaultLimits, type Limits } from "../../core/limits.ts";
import { answerOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { tinyProvider } from "../../testing/tiny-provider.ts";
import { engineLoad, type LoadSurroundings } from "./load-options.ts";

// A process is started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

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

  it("is on disk from the first load on, also of a file that is hashed on its way", async () => {
    const dataDirectory = await temporaryFolder();
    const tiny = await tinyProvider({ dataDirectory });
    onTestFinished(() => tiny.close());
    const { path } = await tiny.library.add("tiny");
    vi.spyOn(tiny.library, "verify").mockImplementation(async () => void (await tiny.library.addFile("tiny", path, { sha256 })));
    await answerOf(tiny.provider, userRequest("hello", { model: "tiny", maxTokens: 2 }));
    expect(readdirSync(join(dataDirectory, "cache"))).toEqual(["prefixes"]);
  });

  it("is nowhere where there is no room in memory", () => {
    expect(cacheOf({}, { prefixMemoryBytes: 0 })).toBeUndefined();
  });
});
