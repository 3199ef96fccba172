import { randomUUID } from "node:crypto";
import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";

/** A file that ends with its process, however that ends. */
export interface MemoryFile {
  /** Where it can be written and read for as long as it is open. */
  readonly path: string;
  close(): void;
}

/** Makes an empty one. Where the system knows open files by number it has no name, so that a process that crashes leaves nothing behind and nobody else can open it. */
export function memoryFile(folder: string): MemoryFile {
  const path = join(folder, `${randomUUID()}.state`);
  const descriptor = openSync(path, "wx+", 0o600);
  const byNumber = `/proc/self/fd/${descriptor}`;
  if (existsSync(byNumber)) {
    rmSync(path);
    return { path: byNumber, close: () => closeSync(descriptor) };
  }
  closeSync(descriptor);
  return { path, close: () => rmSync(path, { force: true }) };
}
