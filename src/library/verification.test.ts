import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { reasonOf } from "../core/reasons.ts";
import { failureOf } from "../testing/collect-events.ts";
import { openTestLibrary } from "../testing/open-library.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";

const bytes = tinyGguf();
const sha256 = createHash("sha256").update(bytes).digest("hex");
const { signal } = new AbortController();

/** A library whose catalog knows one model, with a file of its name and size that nobody pulled. */
async function libraryWith(file: Buffer, directory?: string) {
  const folder = directory ?? (await temporaryFolder());
  await writeFile(join(folder, "Known.gguf"), file);
  const known = {
    id: "known",
    title: "Known",
    licence: "MIT",
    file: "Known.gguf",
    sizeBytes: bytes.length,
    sha256,
    purpose: "chat",
    sources: [{ url: "https://127.0.0.1:9/Known.gguf" }],
  };
  return openTestLibrary({ directory: folder, models: [known] });
}

/** One bit of the weights is another. */
function changed(): Buffer {
  const other = Buffer.from(bytes);
  other[other.length - 9]! ^= 1;
  return other;
}

describe("a file that looks like a catalog's model", () => {
  it("is read once, by whatever name it is asked for, and is known from then on", async () => {
    const library = await libraryWith(bytes);
    expect(library.find("known")?.sha256).toBe("");
    await Promise.all(["known", "Known", "Known.gguf", "nobody"].map((name) => library.verify(name, signal)));
    expect(library.find("known")).toMatchObject({ sha256, problem: "" });
    const kept = await readFile(join(library.directory, "data", "verified-models.json"), "utf8");
    expect(Object.values(JSON.parse(kept) as object)).toEqual([sha256]);
  });

  it("is refused when a bit of it is another, to everybody who asked", async () => {
    const library = await libraryWith(changed());
    const errors = await Promise.all([1, 2].map(() => failureOf(library.verify("known", signal))));
    expect(errors.map(reasonOf)).toEqual(["data_corrupt", "data_corrupt"]);
    expect(errors[0]?.rawMessage).toContain("pull it again");
    expect(library.find("known")).toBeUndefined();
    expect(library.find("Known")?.problem).toContain("its bytes are not the catalog's");
  });

  it("is checked again when it has changed", async () => {
    const directory = await temporaryFolder();
    const before = await libraryWith(bytes, directory);
    await before.verify("known", signal);
    const library = await libraryWith(changed(), directory);
    expect(reasonOf(await failureOf(library.verify("known", signal)))).toBe("data_corrupt");
  });

  it("is read no further for a caller that leaves", async () => {
    const library = await libraryWith(bytes);
    expect(reasonOf(await failureOf(library.verify("known", AbortSignal.abort())))).toBe("caller_gone");
  });
});

describe("a file that no catalog knows", () => {
  it("is read once for its hash, and may have any bytes", async () => {
    const directory = await temporaryFolder();
    await writeFile(join(directory, "Mine.gguf"), changed());
    const library = await libraryWith(bytes, directory);
    await library.verify("Mine", signal);
    expect(library.find("Mine")).toMatchObject({ sha256: createHash("sha256").update(changed()).digest("hex"), problem: "" });
  });
});
