import { mkdtempSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, onTestFinished } from "vitest";

const prefix = join(tmpdir(), "parley-");

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(prefix);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder that is gone after all tests of a file, or of the `describe` that asks for it. */
export function sharedFolder(): string {
  const folder = mkdtempSync(prefix);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
