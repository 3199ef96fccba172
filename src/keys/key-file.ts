import { open } from "node:fs/promises";
import { fault } from "../core/reasons.ts";
import { mostFileBytes } from "./stored-key.ts";

/** The text of a file of keys; undefined where there is none. Throws `invalid_request` for one that cannot be read, or is too large. */
export async function readKeyFile(file: string): Promise<string | undefined> {
  try {
    await using handle = await open(file);
    const buffer = Buffer.alloc(mostFileBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = (await handle.read(buffer, length, buffer.length - length, length)).bytesRead;
    if (length > mostFileBytes) throw fault("invalid_request", `${file}: it is larger than ${mostFileBytes} bytes`);
    return buffer.toString("utf8", 0, length);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (typeof code === "string") throw fault("invalid_request", `${file}: it cannot be read: ${code}`, { cause: error });
    throw error;
  }
}
