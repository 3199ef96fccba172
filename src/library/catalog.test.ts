import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseCatalog, readCatalog } from "./catalog.ts";

const model = {
  id: "a",
  title: "A",
  licence: "MIT",
  file: "a.gguf",
  purpose: "chat",
  tried: false,
  sources: [{ hub: "owner/name", revision: "main", path: "a.gguf" }],
};

function parse(change: Readonly<Record<string, unknown>>) {
  return parseCatalog({ default: "a", models: [{ ...model, ...change }] }, "catalog.json");
}

describe("the catalog", () => {
  it("that is shipped is good, and knows every byte of its default", async () => {
    const { defaultId, entries } = await readCatalog(fileURLToPath(new URL("../../models/catalog.json", import.meta.url)));
    expect(entries.find(({ id }) => id === defaultId)).toMatchObject({
      id: "smollm2-135m-instruct",
      sizeBytes: 98_362_432,
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
      tried: true,
    });
    expect(entries.length).toBeGreaterThan(12);
    expect(new Set(entries.map(({ purpose }) => purpose))).toEqual(new Set(["chat", "reasoning", "embedding"]));
  });

  it.each([
    ["models[0].id", { id: "../a" }],
    ["models[0].file", { file: "sub/a.gguf" }],
    ["models[0].file", { file: "..gguf" }],
    ["models[0].file", { file: ".a.gguf" }],
    ["models[0].sizeBytes", { sizeBytes: -1 }],
    ["models[0].sizeBytes", { sizeBytes: "1" }],
    ["models[0].sha256", { sha256: "ABC" }],
    ["models[0].purpose", { purpose: "fun" }],
    ["models[0].tried", { tried: true }],
    ["models[0].sources", { sources: [] }],
    ["models[0].licenze", { licenze: "MIT" }],
    ["models[0].sources[0].hub", { sources: [{ hub: "../..", revision: "main", path: "a.gguf" }] }],
    ["models[0].sources[0].path", { sources: [{ hub: "o/n", revision: "main", path: "../a.gguf" }] }],
    ["models[0].sources[0].url", { sources: [{ url: "https://example.com/a.gguf" }] }],
    ["models[0].sources[0].url", { sha256: "0".repeat(64), sources: [{ url: "http://example.com/a.gguf" }] }],
    ["models[0].sources[0].wheel", { sources: [{ wheel: "--index-url=x", version: "1", member: "a" }] }],
    ["models[0].sources[0].version", { sources: [{ wheel: "x", version: " ; 1", member: "a" }] }],
    ["models[0].sources[0]", { sources: [{ revision: "main" }] }],
  ])("names %s as the bad key", (place, change) => {
    expect(() => parse(change)).toThrow(`catalog.json: ${place}: `);
  });

  it("refuses two models of one name, and a default that is not there", () => {
    expect(() => parseCatalog({ default: "a", models: [model, model] }, "c")).toThrow("c: models: two models are called a");
    expect(() => parseCatalog({ default: "b", models: [model] }, "c")).toThrow("c: default: no model has the id b");
  });
});
