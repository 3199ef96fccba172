import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { platform } from "node:os";
import { dirname } from "node:path";
import { fault } from "../core/reasons.ts";

const pepperBytes = 32;

/** Reads the pepper; undefined where there is none. Throws `invalid_request` for one that others may read, or that is none. */
export async function readPepper(file: string): Promise<Buffer | undefined> {
  let bytes: Buffer;
  try {
    const { mode } = await stat(file);
    if (platform() !== "win32" && (mode & 0o077) !== 0) throw fault("invalid_request", `${file}: others may read it; chmod 600 it`);
    bytes = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  if (bytes.length !== pepperBytes) throw fault("invalid_request", `${file}: it is no pepper of ${pepperBytes} bytes`);
  return bytes;
}

/** Reads the pepper, or makes one that its owner alone may read; of two that are made at once, both get the first. */
export async function ensurePepper(file: string): Promise<Buffer> {
  const known = await readPepper(file);
  if (known !== undefined) return known;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const own = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  await writeFile(own, randomBytes(pepperBytes), { mode: 0o600, flag: "wx" });
  try {
    await link(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(own, { force: true });
  }
  return (await readPepper(file)) ?? ensurePepper(file);
}
