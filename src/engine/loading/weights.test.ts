import { writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadFile } from "../../testing/loaded-model.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { tinyGguf } from "../../testing/tiny-gguf.ts";
import { freeMemory, mapsWeights } from "./weights.ts";

describe("weights", () => {
  const place = { gpuLayers: 0, weightBytes: 100, ramBytes: 300, freeBytes: 400 };

  it("are copied where four times their size is free, and stay in their file where it is not", () => {
    expect(mapsWeights({}, place)).toBe(false);
    expect(mapsWeights({}, { ...place, freeBytes: 399 })).toBe(true);
  });

  it("stay in their file where the whole load takes more than is free", () => {
    expect(mapsWeights({}, { ...place, ramBytes: 401 })).toBe(true);
  });

  it("are the library's business where a GPU takes layers of them", () => {
    expect(mapsWeights({}, { ...place, gpuLayers: 1 })).toBe("auto");
  });

  it("are where a load wants them", () => {
    expect(mapsWeights({ useMmap: true }, place)).toBe(true);
    expect(mapsWeights({ useMmap: false }, { ...place, gpuLayers: 99, freeBytes: 0 })).toBe(false);
  });

  it("of a small model are copied by the library, unless a load wants them mapped", async () => {
    const path = join(await temporaryFolder(), "tiny.gguf");
    await writeFile(path, tinyGguf());
    for (const [asked, isMapped] of [
      [{}, mapsWeights({}, { gpuLayers: 0, weightBytes: 2 ** 22, ramBytes: 2 ** 26, freeBytes: freeMemory() })],
      [{ useMmap: true }, true],
    ] as const) {
      const loaded = await loadFile(path, asked);
      expect(loaded.about.isMapped).toBe(isMapped);
      await loaded.dispose();
    }
  });
});

it("what is free is no more than the machine has", () => {
  expect(freeMemory()).toBeGreaterThanOrEqual(0);
  expect(freeMemory()).toBeLessThanOrEqual(totalmem());
});
