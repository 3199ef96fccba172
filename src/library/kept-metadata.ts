import type { ModelFile } from "../core/ports.ts";
import type { GgufMetadata } from "./gguf-header.ts";
import { readMetadata } from "./model-header.ts";

/** What tells one state of a file from another. */
type FileState = Pick<ModelFile, "path" | "sizeBytes" | "modifiedMs">;

/** Characters that are kept of all files together: a chat model's header has some ten thousand. */
export const mostKeptLength = 8 * 1024 * 1024;

/** Reads the metadata of model files, each once until the file is another: some take 20 ms, in which nothing else is served. Unknown is a file that cannot be read. */
export function keptMetadata(read: typeof readMetadata = readMetadata): (file: FileState) => Promise<GgufMetadata | undefined> {
  /** The oldest first. */
  const kept = new Map<string, { readonly reading: Promise<GgufMetadata | undefined>; length: number }>();
  let length = 0;
  const forget = (key: string) => {
    length -= kept.get(key)?.length ?? 0;
    kept.delete(key);
  };
  const readOnce = async (key: string, path: string) => {
    try {
      const metadata = await read(path);
      const entry = kept.get(key);
      if (entry === undefined) return metadata;
      const before = entry.length;
      entry.length = key.length + lengthOf(metadata);
      length += entry.length - before;
      for (const oldest of kept.keys()) if (length > mostKeptLength) forget(oldest);
      return metadata;
    } catch {
      // It has gone, or may not be read, since it was seen: the folder's next look finds out, and says so.
      forget(key);
      return undefined;
    }
  };
  return ({ path, sizeBytes, modifiedMs }) => {
    const key = `${sizeBytes} ${modifiedMs} ${path}`;
    const known = kept.get(key);
    kept.delete(key);
    // It begins to read in the next turn, and finds itself among the kept ones then.
    const entry = known ?? { reading: readOnce(key, path), length: 0 };
    kept.set(key, entry);
    return entry.reading;
  };
}

/** What an entry takes where a file says nothing. */
const entryLength = 256;

function lengthOf(metadata: GgufMetadata = new Map()): number {
  let length = entryLength;
  for (const [key, value] of metadata) length += key.length + String(value).length;
  return length;
}
