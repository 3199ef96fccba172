import { lstat, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileKey } from "./file-key.ts";
import { broken, readModelHeader, type ModelHeader } from "./model-header.ts";
import type { ScannedFile } from "./model-table.ts";
import type { VerifiedHashes } from "./verified-hashes.ts";

/** Answers with every `*.gguf` of the folder as it is now; files that did not change are not read again. */
export type ScanFolder = () => Promise<readonly ScannedFile[]>;

/** Makes the scan of one folder. */
export function folderScan(directory: string, hashes: VerifiedHashes): ScanFolder {
  let known = new Map<string, ModelHeader>();
  return async function scan() {
    const root = await realpath(directory);
    const names = (await readdir(root)).filter((name) => name.endsWith(".gguf") && !name.startsWith("."));
    const headers = new Map<string, ModelHeader>();
    const files: ScannedFile[] = [];
    // One after the other, for a header may take 64 MiB while it is read.
    for (const name of names) {
      const file = await scanFile({ root, file: name, known, headers, hashes });
      if (file !== undefined) files.push(file);
    }
    known = headers;
    return files;
  };
}

interface Scanning {
  readonly root: string;
  readonly file: string;
  /** Headers of the scan before, by file key. */
  readonly known: ReadonlyMap<string, ModelHeader>;
  /** Headers of this scan. */
  readonly headers: Map<string, ModelHeader>;
  readonly hashes: VerifiedHashes;
}

/** Undefined for what is no file, or is gone by now. */
async function scanFile({ root, file, known, headers, hashes }: Scanning): Promise<ScannedFile | undefined> {
  const link = join(root, file);
  try {
    const path = await realpath(link);
    if (!path.startsWith(root.endsWith(sep) ? root : root + sep))
      return await refusedLink(link, file, "it is a link that leaves the model folder; move or copy the file here");
    const stats = await stat(path, { bigint: true });
    if (!stats.isFile()) return undefined;
    const key = fileKey(stats);
    const header = known.get(key) ?? (await readHeader(path));
    headers.set(key, header);
    const [sizeBytes, modifiedMs] = [Number(stats.size), Number(stats.mtimeMs)];
    return { ...header, file, path, sizeBytes, modifiedMs, sha256: hashes.get(key) };
  } catch (error) {
    const problem = linkProblems[(error as NodeJS.ErrnoException).code ?? ""];
    if (problem === undefined) throw error;
    return refusedLink(link, file, problem);
  }
}

/** Why a link cannot be followed, by the system's code: one such link must not hide all other files. */
const linkProblems: Readonly<Record<string, string>> = {
  ENOENT: "it is a link to a file that is not there",
  ENOTDIR: "it is a link to a file that is not there",
  ELOOP: "it is a link that leads to itself",
  EACCES: "it is a link to a place that may not be read",
};

/** A link that cannot be followed is listed, so that its owner learns why it is not served; undefined when it is gone. */
async function refusedLink(link: string, file: string, problem: string): Promise<ScannedFile | undefined> {
  const stats = await lstat(link).catch(() => undefined);
  if (stats === undefined || !stats.isSymbolicLink()) return undefined;
  return { ...broken(problem), file, path: link, sizeBytes: 0, modifiedMs: Math.floor(stats.mtimeMs), sha256: undefined };
}

/** A file that cannot be opened, for want of permission say, is listed with its problem. */
async function readHeader(path: string): Promise<ModelHeader> {
  try {
    return await readModelHeader(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === undefined) throw error;
    return broken(`it cannot be read (${code})`);
  }
}
