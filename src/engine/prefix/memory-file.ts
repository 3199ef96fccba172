import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A file for as long as it is open. */
export interface MemoryFile {
  /** Where it can be written and read until it is closed. */
  readonly path: string;
  close(): void;
}

/** Makes files that nobody else can open. */
export interface MemoryFolder {
  /** Makes an empty one. */
  file(): MemoryFile;
  close(): void;
}

/** Open files by number, where the system has that. */
const openFiles = "/proc/self/fd";

/** Files in a folder. Where the system knows open files by number they have no name, so that a process that crashes leaves nothing behind; elsewhere they lie in a folder of their own. */
export function memoryFolder(folder: string): MemoryFolder {
  return existsSync(openFiles) ? { file: () => namelessFile(folder), close: () => {} } : privateFolder(folder);
}

function namelessFile(folder: string): MemoryFile {
  const path = join(folder, `parley-${randomUUID()}`);
  const descriptor = openSync(path, "wx+", 0o600);
  rmSync(path);
  return { path: join(openFiles, String(descriptor)), close: () => closeSync(descriptor) };
}

function privateFolder(parent: string): MemoryFolder {
  const folder = mkdtempSync(join(parent, "parley-"));
  return {
    file() {
      const path = join(folder, randomUUID());
      closeSync(openSync(path, "wx", 0o600));
      return { path, close: () => rmSync(path, { force: true }) };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
