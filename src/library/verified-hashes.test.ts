import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { recordingLog } from "../testing/recording-log.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { openVerifiedHashes } from "./verified-hashes.ts";

const hash = "a".repeat(64);
const { log, lines } = recordingLog();

it("hashes are known after a restart, those of other processes too", async () => {
  const path = join(await temporaryFolder(), "data", "hashes.json");
  const [one, other] = [await openVerifiedHashes(path, log), await openVerifiedHashes(path, log)];
  await one.put("1:1:1:1", hash);
  await other.put("2:2:2:2", hash);
  const later = await openVerifiedHashes(path, log);
  expect([later.get("1:1:1:1"), later.get("2:2:2:2"), later.get("3:3:3:3")]).toEqual([hash, hash, undefined]);
});

it("a table that is broken, or cannot be written, costs a warning and nothing else", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "hashes.json");
  await writeFile(path, '{"1:1:1:1": 7, "2:2:2:2": "');
  const hashes = await openVerifiedHashes(path, log);
  expect(hashes.get("2:2:2:2")).toBeUndefined();
  await writeFile(join(folder, "file"), "");
  const unwritable = await openVerifiedHashes(join(folder, "file", "hashes.json"), log);
  await unwritable.put("1:1:1:1", hash);
  expect(unwritable.get("1:1:1:1")).toBe(hash);
  expect(lines).toContainEqual(expect.objectContaining({ level: "warn", message: "the hash of a model could not be kept" }));
  expect(await readFile(path, "utf8")).toContain("2:2:2:2");
});
