import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeTinyGguf } from "../../testing/tiny-gguf.ts";
import { mostLayers, planLoad } from "./load-plan.ts";
import { loadModel } from "../model.ts";
import type { EngineEstimate, EngineLoad } from "../protocol/load.ts";

describe("the plan of a load", { timeout: 60_000 }, () => {
  let llama: Llama;
  let folder = "";
  let modelPath = "";
  beforeAll(async () => {
    llama = await getLlama({ gpu: false, build: "never", skipDownload: true, maxThreads: 1, logLevel: LlamaLogLevel.error });
    folder = await mkdtemp(join(tmpdir(), "parley-plan-"));
    modelPath = join(folder, "tiny.gguf");
    await writeTinyGguf(modelPath, { layers: 4 });
  });
  afterAll(async () => {
    await llama.dispose();
    await rm(folder, { recursive: true });
  });

  const load = (more: Partial<EngineLoad> = {}): EngineLoad => ({
    ...{
      modelPath,
      gpu: false,
      threads: 1,
      batchTokens: 512,
      queueLength: 1,
      queueMs: 1,
      prefillChunkTokens: 64,
      interTokenMs: 100,
      tokenWaitMs: 0,
    },
    ...more,
  });
  const shapes = async (more: Partial<EngineLoad>) =>
    (await planLoad(llama, load(more))).estimate.sizes.map(({ sequences, contextLength }) => `${sequences}x${contextLength}`);

  it("offers fewer sequences and then shorter contexts, each only where nobody says how many", async () => {
    expect(await shapes({})).toEqual(["16x2048", "8x2048", "4x2048", "2x2048", "1x2048", "1x1024", "1x512"]);
    expect(await shapes({ contextLength: 300 })).toEqual(["16x300", "8x300", "4x300", "2x300", "1x300"]);
    expect(await shapes({ sequences: 3 })).toEqual(["3x2048"]);
    expect(await shapes({ sequences: 3, contextLength: 100 })).toEqual(["3x100"]);
  });

  it("tells what each size then takes", async () => {
    let estimate: EngineEstimate | undefined;
    const choose = async (told: EngineEstimate) => {
      estimate = told;
      return 2;
    };
    const loaded = await loadModel(load(), { choose, onProgress: () => {} });
    try {
      expect(loaded.about).toMatchObject({ sequences: 4, memoryBytes: estimate?.sizes[2]?.ramBytes });
    } finally {
      await loaded.dispose();
    }
  });

  it("counts the tokens of contexts that are too large to simulate, in little memory", async () => {
    const [layers, keysAndValues, numbers, bytes] = [4, 2, 2 * 16, 2];
    const bytesOf = async (contextLength: number, sequences: number) =>
      (await planLoad(llama, load({ contextLength, sequences }))).estimate.sizes[0]?.ramBytes ?? 0;
    const before = process.memoryUsage.rss();
    const most = await bytesOf(16_777_216, 256);
    const least = 16_777_216 * 256 * layers * keysAndValues * numbers * bytes;
    expect(most).toBeGreaterThan(least);
    expect(most).toBeLessThan(4 * least);
    expect(process.memoryUsage.rss() - before).toBeLessThan(1e9);
    // The same as the simulation says of a size that it can tell.
    expect((await bytesOf(2 ** 22, 1)) / (2 * (await bytesOf(2 ** 21, 1)))).toBeCloseTo(1, 1);
  });

  it("says more for wider keys and values, and for adapters", async () => {
    const bytes = async (more: Partial<EngineLoad>) =>
      (await planLoad(llama, load({ sequences: 1, ...more }))).estimate.sizes[0]?.ramBytes ?? 0;
    const plain = await bytes({});
    expect(await bytes({ kvType: "f32" })).toBeGreaterThan(plain);
    const adapter = { path: modelPath, scale: 1, stamp: "" };
    expect(await bytes({ loraAdapters: [adapter] })).toBeGreaterThan(plain + 100_000);
  });
});

describe("layers on a GPU", () => {
  it.each([
    [0, 0],
    [1, 1],
    [17, 17],
    [31, 31],
    [32, 32],
    [99, 32],
  ])("are as many as fit: of 32, where %i do, %i", async (room, most) => {
    let asked = 0;
    expect(await mostLayers(32, async (layers) => (asked++, layers <= room))).toBe(most);
    expect(asked).toBeLessThanOrEqual(6);
  });
});
