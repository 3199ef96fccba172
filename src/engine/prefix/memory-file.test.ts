import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { memoryFolder, privateFolder } from "./memory-file.ts";

it.each([
  ["of the usual kind", memoryFolder],
  ["where the system does not know open files by number", privateFolder],
])("a file %s can be written, read and closed, and leaves nothing", async (_, open) => {
  const parent = await temporaryFolder();
  const folder = open(parent);
  const file = folder.file();
  writeFileSync(file.path, "a state");
  expect(readFileSync(file.path, "utf8")).toBe("a state");
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  file.close();
  folder.close();
  expect(readdirSync(parent)).toEqual([]);
});

it("a folder that a dead process has left is deleted, and that of a living one stays", async () => {
  const parent = await temporaryFolder();
  const { pid } = spawnSync(process.execPath, ["--eval", ""]);
  const [left, mine, foreign] = [`parley-states-${pid}-a`, `parley-states-${process.pid}-b`, "parley-models-1"].map((name) =>
    join(parent, name),
  );
  for (const folder of [left!, mine!, foreign!]) mkdirSync(folder);
  writeFileSync(join(left!, "state"), "words");
  privateFolder(parent);
  expect([left!, mine!, foreign!].map((folder) => existsSync(folder))).toEqual([false, true, true]);
});
