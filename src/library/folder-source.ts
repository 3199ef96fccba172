import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { SourceFailure, sourceFailure, type Source } from "./source.ts";

/** A local folder that holds the file by its name. */
export function folderSource(directory: string, file: string): Source {
  return {
    label: `the mirror ${directory}`,
    isTrusted: true,
    async open({ offset }) {
      const handle = await open(join(directory, file), constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
        throw sourceFailure(error);
      });
      const stats = await handle.stat();
      if (!stats.isFile()) {
        await handle.close();
        throw new SourceFailure("has something of that name that is no file");
      }
      const start = offset <= stats.size ? offset : 0;
      const bytes: AsyncIterable<Buffer> = handle.createReadStream({ start, highWaterMark: 1024 * 1024, autoClose: false });
      return { offset: start, totalBytes: stats.size, sha256: undefined, validator: undefined, bytes, close: () => handle.close() };
    },
  };
}
