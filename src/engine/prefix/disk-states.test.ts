import { readdirSync, readFileSync, readlinkSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import fileSystem from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { EnginePrefixCache } from "../protocol/load.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { writeTinyLora } from "../../testing/tiny-lora.ts";
import { tinyScheduler, type TinyScheduler } from "../../testing/tiny-scheduler.ts";

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const tokens = (count: number, from = 0) => Array.from({ length: count }, (_, index) => 40 + ((index * 7 + from * 13) % 80));
const prompt = (loaded: TinyScheduler["loaded"], from: number) => ({
  ...loaded.makePrompt({ type: "text", text: "a" }),
  tokens: tokens(100, from) as never,
});

let diskFolder: string;
beforeEach(async () => {
  diskFolder = join(await temporaryFolder(), "states");
});

const start = (cache: Partial<EnginePrefixCache> = {}) => tinyScheduler({ cache: { diskFolder, ...cache } });
const warm = ({ scheduler, loaded }: TinyScheduler, from: number, tenant = "one") =>
  scheduler.warm(-from, prompt(loaded, from), { tenant, signal: new AbortController().signal });
const cachedOf = async (tiny: TinyScheduler, from: number, tenant = "one") =>
  (await tiny.ask([...tokens(100, from), 50], { tenant }).outcome).stats.cachedTokens;
const files = (end: string) => readdirSync(diskFolder).filter((file) => file.endsWith(end));
const pathOf = (end: string) => join(diskFolder, files(end)[0]!);

/** States of so many prompts, left by an engine that has ended. */
async function left(count = 1): Promise<void> {
  const tiny = await start();
  for (let from = 1; from <= count; from++) await warm(tiny, from);
  await tiny.close();
  expect(files(".state")).toHaveLength(count);
}

describe("a warm prompt", () => {
  it("is read once, without an answer, and is there for the requests that begin with it", async () => {
    const tiny = await start();
    tiny.evaluated();
    expect(await warm(tiny, 1)).toEqual({ promptTokens: 100, cachedTokens: 0 });
    expect(tiny.evaluated()).toBe(100);
    expect(await warm(tiny, 1)).toEqual({ promptTokens: 100, cachedTokens: 100 });
    expect(tiny.evaluated()).toBe(0);
    expect(await cachedOf(tiny, 1)).toBe(100);
  });

  it("can be given up while it waits", async () => {
    const tiny = await start();
    const controller = new AbortController();
    const warming = tiny.scheduler.warm(-1, prompt(tiny.loaded, 1), { tenant: "one", signal: controller.signal });
    controller.abort();
    await expect(warming).rejects.toThrow("went away");
    expect(await cachedOf(tiny, 2)).toBe(0);
  });
});

describe("a state on disk", () => {
  it("is of no use to a model with another adapter, nor with another file in that adapter's place", async () => {
    const path = join(await temporaryFolder(), "accent.gguf");
    await writeTinyLora(path);
    const cachedWith = async (stamp: string | undefined) => {
      const loraAdapters = stamp === undefined ? [] : [{ path, scale: 1, stamp }];
      const tiny = await tinyScheduler({ cache: { diskFolder }, loraAdapters });
      const { cachedTokens } = await warm(tiny, 1);
      await tiny.close();
      return cachedTokens;
    };
    expect([await cachedWith(undefined), await cachedWith("a"), await cachedWith("b"), await cachedWith("a")]).toEqual([0, 0, 0, 100]);
  });

  it("is there after a restart, for its tenant alone, and the answer is the same", async () => {
    await left();
    const tiny = await start();
    const expected = await (await tinyScheduler()).ask([...tokens(100, 1), 50]).outcome;
    expect(await cachedOf(tiny, 1, "two")).toBe(0);
    tiny.evaluated();
    const { stats, texts } = await tiny.ask([...tokens(100, 1), 50]).outcome;
    expect(stats.cachedTokens).toBe(100);
    expect(texts).toEqual(expected.texts);
    expect(tiny.evaluated()).toBe(1 + 3);
    expect(tiny.troubles).toEqual([]);
  });

  it("is kept of a beginning that two requests had in common, and not of a conversation that goes on", async () => {
    const first = await start();
    await cachedOf(first, 1);
    await first.ask([...tokens(100, 1), 50, ...tokens(80, 3)]).outcome;
    await first.ask([...tokens(100, 2), 60]).outcome;
    await first.ask([...tokens(100, 2), 70]).outcome;
    await first.close();
    const lengths = files(".json").map(
      (file) => Buffer.from((JSON.parse(readFileSync(join(diskFolder, file), "utf8")) as { tokens: string }).tokens, "base64").length / 4,
    );
    expect(lengths).toEqual([100]);
    expect(await cachedOf(await start(), 2)).toBe(100);
  });

  it("is of no use to another model, and stays for its own", async () => {
    await left();
    const other = await start({ modelSha256: "1".repeat(64) });
    expect(await cachedOf(other, 1)).toBe(0);
    await other.close();
    expect(await cachedOf(await start(), 1)).toBe(100);
  });

  it("can be read by its owner alone", async () => {
    await left();
    expect(statSync(diskFolder).mode & 0o777).toBe(0o700);
    expect(statSync(pathOf(".state")).mode & 0o777).toBe(0o600);
    expect(statSync(pathOf(".json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(pathOf(".json"), "utf8")).not.toContain("one");
  });

  it.each([
    ["a flipped bit", () => flip(pathOf(".state"), 5000)],
    ["a cut end", () => truncateSync(pathOf(".state"), 1000)],
    ["no bytes at all", () => truncateSync(pathOf(".state"), 0)],
    ["a note of something else", () => writeFileSync(pathOf(".json"), "[]")],
    ["a note that is no JSON", () => writeFileSync(pathOf(".json"), "words")],
    ["a note cut short", () => truncateSync(pathOf(".json"), 20)],
    ["a note of other tokens", () => swapTokens(pathOf(".json"))],
    ["the state of others in its place", () => writeFileSync(pathOf(".state"), Buffer.alloc(statSync(pathOf(".state")).size, 7))],
  ])("that has %s is thrown away, and the prompt is read", async (_what, harm) => {
    await left();
    harm();
    const tiny = await start();
    expect(await cachedOf(tiny, 1)).toBe(0);
    expect(tiny.troubles).toHaveLength(1);
    // A note tells what the prompt was.
    expect(tiny.troubles[0]).not.toContain("words");
    expect(files(".state")).toEqual([]);
  });

  it("is used where nothing can be written: its folder may be one to read alone", async () => {
    await left();
    const tiny = await start();
    // Whoever runs the tests may write everywhere: so the file becomes one whose times cannot be set.
    const utimes = vi.spyOn(fileSystem, "utimesSync").mockImplementation(readOnly);
    syncBuiltinESMExports();
    try {
      expect([await cachedOf(tiny, 1), await cachedOf(tiny, 1)]).toEqual([100, 100]);
      expect(utimes).toHaveBeenCalled();
      expect(tiny.troubles).toEqual([]);
    } finally {
      utimes.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it("that is harmed and cannot be deleted costs no sequence", async () => {
    await left();
    const tiny = await start();
    flip(pathOf(".state"), 5000);
    const remove = fileSystem.rmSync;
    const rm = vi.spyOn(fileSystem, "rmSync").mockImplementation((path, options) => {
      if (String(path).startsWith(diskFolder)) readOnly();
      remove(path, options);
    });
    syncBuiltinESMExports();
    try {
      expect([await cachedOf(tiny, 1), await cachedOf(tiny, 1)]).toEqual([0, 100]);
    } finally {
      rm.mockRestore();
      syncBuiltinESMExports();
    }
    expect(tiny.troubles).toEqual([expect.stringContaining("could not be read"), expect.stringContaining("could not be deleted")]);
  });

  it("is written again after somebody has deleted the folder", async () => {
    const tiny = await start();
    rmSync(diskFolder, { recursive: true });
    await warm(tiny, 1);
    await tiny.close();
    expect(files(".state")).toHaveLength(1);
    expect(tiny.troubles).toEqual([]);
  });

  it("that cannot be written leaves no open file behind", async () => {
    const tiny = await start();
    rmSync(diskFolder, { recursive: true });
    writeFileSync(diskFolder, "a file");
    await warm(tiny, 1);
    await tiny.close();
    expect(tiny.troubles).toHaveLength(1);
    expect(openStates()).toEqual([]);
  });

  it("is deleted when nobody has used it for too long", async () => {
    await left(2);
    const old = new Date(Date.now() - 10_000);
    for (const end of [".state", ".json"]) utimesSync(pathOf(end).replace(/\.\w+$/, end), old, old);
    await start({ diskAgeMs: 5000 });
    expect(files(".state")).toHaveLength(1);
    expect(files(".json")).toHaveLength(1);
  });

  it("makes room for new ones, the least recently used first", async () => {
    await left();
    const bytes = statSync(pathOf(".state")).size + statSync(pathOf(".json")).size;
    for (const from of [2, 3]) {
      const tiny = await start({ diskBytes: Math.round(bytes * 2.5) });
      const old = new Date(Date.now() - 10_000);
      for (const file of readdirSync(diskFolder)) utimesSync(join(diskFolder, file), old, old);
      expect([await cachedOf(tiny, 1), await cachedOf(tiny, 1)]).toEqual([100, 100]);
      await warm(tiny, from);
      await tiny.close();
    }
    expect(files(".state")).toHaveLength(2);
    const next = await start();
    expect([await cachedOf(next, 1), await cachedOf(next, 2), await cachedOf(next, 3)]).toEqual([100, 0, 100]);
  });
});

function readOnly(): never {
  throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
}

/** Open files of this process that states are written to or read from. */
function openStates(): string[] {
  const folder = "/proc/self/fd";
  return readdirSync(folder).flatMap((file) => {
    try {
      return [readlinkSync(join(folder, file))].filter((path) => /parley-[0-9a-f-]{36}/.test(path));
    } catch {
      // The folder's own.
      return [];
    }
  });
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

function swapTokens(path: string): void {
  const note = JSON.parse(readFileSync(path, "utf8")) as { tokens: string };
  const raw = Buffer.from(note.tokens, "base64");
  raw[0]! ^= 1;
  writeFileSync(path, JSON.stringify({ ...note, tokens: raw.toString("base64") }));
}
