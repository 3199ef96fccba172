import { describe, expect, it } from "vitest";
import type { Catalog } from "./catalog.ts";
import { modelTable, type ScannedFile } from "./model-table.ts";

const catalog: Catalog = {
  defaultId: "known",
  entries: [
    {
      id: "known",
      title: "Known",
      licence: "MIT",
      file: "Known-Q8.gguf",
      sizeBytes: 10,
      sha256: "aa",
      contextLength: 512,
      purpose: "chat",
      tried: true,
      sources: [],
    },
  ],
};

function scanned(file: string, more: Partial<ScannedFile> = {}): ScannedFile {
  const header = { architecture: "llama", title: "", licence: "", trainedContextLength: undefined, purpose: "chat", problem: "" } as const;
  return { ...header, file, path: `/models/${file}`, sizeBytes: 10, modifiedMs: 0, sha256: undefined, ...more };
}

function namesOf(...files: ScannedFile[]) {
  return Object.fromEntries([...modelTable(files, catalog).byName].map(([name, { path }]) => [name, path.split("/").at(-1)]));
}

describe("the names of model files", () => {
  it("are the file name with and without .gguf", () => {
    expect(namesOf(scanned("mine.gguf"))).toEqual({ mine: "mine.gguf", "mine.gguf": "mine.gguf" });
  });

  it("are the catalog's id too where name and size are the catalog's", () => {
    const file = "Known-Q8.gguf";
    expect(namesOf(scanned(file))).toEqual({ known: file, "Known-Q8": file, [file]: file });
    expect(namesOf(scanned(file, { sizeBytes: 11 }))).toEqual({ "Known-Q8": file, [file]: file });
    expect(namesOf(scanned(file, { sha256: "bb" }))).toEqual({ "Known-Q8": file, [file]: file });
    expect(namesOf(scanned(file, { problem: "broken" }))).toEqual({ "Known-Q8": file, [file]: file });
  });

  it("are said to be wrong where name and size are the catalog's and the bytes are not", () => {
    const problemOf = (more: Partial<ScannedFile>) => modelTable([scanned("Known-Q8.gguf", more)], catalog).files[0]?.problem;
    expect(problemOf({ sha256: "bb" })).toBe(
      "its bytes are not the catalog's, though its name and size are: pull it again, or rename it if it is yours",
    );
    expect([problemOf({ sha256: "aa" }), problemOf({}), problemOf({ sha256: "bb", sizeBytes: 11 })]).toEqual(["", "", ""]);
  });

  it("leave a catalog id to the catalog's model, whatever other files are called", () => {
    expect(namesOf(scanned("known.gguf"), scanned("Known-Q8.gguf"))).toEqual({
      known: "Known-Q8.gguf",
      "Known-Q8": "Known-Q8.gguf",
      "Known-Q8.gguf": "Known-Q8.gguf",
      "known.gguf": "known.gguf",
    });
  });

  it("that no request can say are a problem of the file", () => {
    const { files, byName } = modelTable([scanned("my model (1).gguf")], catalog);
    expect(files[0]?.problem).toMatch("rename it");
    expect(byName.get("my model (1).gguf")).toBeUndefined();
  });
});
