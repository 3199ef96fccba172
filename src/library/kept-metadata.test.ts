import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openTestLibrary } from "../testing/open-library.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { writeTinyGguf } from "../testing/tiny-gguf.ts";
import { keptMetadata, mostKeptLength } from "./kept-metadata.ts";

const state = (path: string, modifiedMs = 1) => ({ path, sizeBytes: 1, modifiedMs });

/** One whose files all have a text of so many characters, and what it has read. */
function counted(textLength = 10) {
  const reads: string[] = [];
  const metadataOf = keptMetadata(async (path) => (reads.push(path), new Map([["general.name", "x".repeat(textLength)]])));
  return { reads, metadataOf };
}

describe("the metadata of model files", () => {
  it("is read once of each, however many ask, until the file is another", async () => {
    const { reads, metadataOf } = counted();
    const [one, other] = await Promise.all([metadataOf(state("a")), metadataOf(state("a"))]);
    expect([one === other, await metadataOf(state("a")), reads]).toEqual([true, one, ["a"]]);
    await metadataOf(state("a", 2));
    await metadataOf(state("b"));
    expect(reads).toEqual(["a", "a", "b"]);
  });

  it("is kept of those that were asked for last, as far as there is room", async () => {
    const { reads, metadataOf } = counted(mostKeptLength / 2 - 1000);
    for (const path of ["a", "b", "a", "c", "a", "b"]) await metadataOf(state(path));
    expect(reads).toEqual(["a", "b", "c", "b"]);
    const huge = counted(mostKeptLength + 1);
    for (const path of ["a", "a"]) expect((await huge.metadataOf(state(path)))?.size).toBe(1);
    expect(huge.reads).toEqual(["a", "a"]);
  });

  it("is unknown of a file that is not there, and read once it is", async () => {
    const path = join(await temporaryFolder(), "model.gguf");
    const metadataOf = keptMetadata();
    expect(await metadataOf(state(path))).toBeUndefined();
    await writeTinyGguf(path);
    expect((await metadataOf(state(path)))?.get("general.architecture")).toBe("llama");
  });

  it("is unknown to the library of a file that has just gone", async () => {
    const directory = await temporaryFolder();
    await writeTinyGguf(join(directory, "tiny.gguf"));
    const library = await openTestLibrary({ directory });
    const metadata = library.metadata("tiny");
    expect((await metadata)?.get("general.architecture")).toBe("llama");
    expect(await library.metadata("tiny")).toBe(await metadata);
    await writeTinyGguf(join(directory, "other.gguf"));
    await new Promise<void>((resolve) => {
      const stop = library.watch(() => library.find("other") !== undefined && (stop(), resolve()));
    });
    await rm(join(directory, "other.gguf"));
    expect(await library.metadata("other")).toBeUndefined();
  });
});
