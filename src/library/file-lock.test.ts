import { spawnSync } from "node:child_process";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tryLock } from "./file-lock.ts";

/** Id of a process that has just ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

async function lockFile(holder: unknown): Promise<string> {
  const path = join(await temporaryFolder(), "model.lock");
  await writeFile(path, typeof holder === "string" ? holder : JSON.stringify(holder));
  return path;
}

async function isTaken(path: string): Promise<boolean> {
  const lock = await tryLock(path);
  await lock?.release();
  return lock === undefined;
}

describe("a file lock", () => {
  it("is had by one of many who want it at once, and by the next after its release", async () => {
    const path = join(await temporaryFolder(), "model.lock");
    const locks = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)));
    const [lock, ...others] = locks.filter((each) => each !== undefined);
    expect(others).toEqual([]);
    expect(await isTaken(path)).toBe(true);
    await lock?.release();
    expect(await isTaken(path)).toBe(false);
  });

  it("of a dead process is taken over by one alone, and leaves nothing behind", async () => {
    for (let round = 0; round < 10; round++) {
      const path = await lockFile({ pid: deadPid(), host: hostname(), token: "dead" });
      const locks = await Promise.all(Array.from({ length: 10 }, () => tryLock(path)));
      const held = locks.filter((lock) => lock !== undefined);
      expect(held).toHaveLength(1);
      await held[0]?.release();
      expect(await readdir(join(path, ".."))).toEqual([]);
    }
  });

  it("of a living process, or of one on another host, is left alone while it is touched", async () => {
    expect(await isTaken(await lockFile({ pid: process.pid, host: hostname(), token: "other" }))).toBe(true);
    expect(await isTaken(await lockFile({ pid: deadPid(), host: "elsewhere", token: "other" }))).toBe(true);
    expect(await isTaken(await lockFile(""))).toBe(true);
  });

  it("that nobody has touched for long is taken over, whoever had it", async () => {
    const path = await lockFile({ pid: process.pid, host: "elsewhere", token: "other" });
    const before = new Date(Date.now() - 60_000);
    await utimes(path, before, before);
    expect(await isTaken(path)).toBe(false);
  });
});
