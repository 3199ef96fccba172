import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
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

/** Files in a folder of their own, which bears the number of its process: what one that crashed has left behind, the next one deletes. */
export function privateFolder(parent: string): MemoryFolder {
  deleteLeft(parent);
  const folder = mkdtempSync(join(parent, `parley-states-${process.pid}-`));
  return {
    file() {
      const path = join(folder, randomUUID());
      closeSync(openSync(path, "wx", 0o600));
      return { path, close: () => rmSync(path, { force: true }) };
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function deleteLeft(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = /^parley-states-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && isGone(Number(pid))) deleteOurs(join(parent, name));
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** In a folder that all may write to, another user's stays. */
function deleteOurs(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (!["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
