import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Library, ModelFile } from "../core/ports.ts";
import { writeTinyGguf, type TinyGgufOptions } from "./tiny-gguf.ts";

/** A folder of tiny models as a library, for tests of what stands on the port. */
export interface TinyLibrary extends Library {
  readonly directory: string;
  /** Writes a tiny model. */
  add(id: string, options?: TinyGgufOptions, more?: Partial<ModelFile>): Promise<ModelFile>;
  /** Lists a file that is somewhere else. */
  addFile(id: string, path: string, more?: Partial<ModelFile>): Promise<ModelFile>;
  /** Forgets a model. */
  forget(id: string): void;
}

/** An empty library in a temporary folder; `close` deletes it. */
export async function tinyLibrary(): Promise<TinyLibrary> {
  const directory = await mkdtemp(join(tmpdir(), "parley-models-"));
  const files = new Map<string, ModelFile>();
  const listeners = new Set<() => void>();
  const change = (how: () => void) => {
    how();
    for (const listener of listeners) listener();
  };
  const addFile = async (id: string, path: string, more: Partial<ModelFile> = {}): Promise<ModelFile> => {
    const file = { ...(await modelFile(id, path)), ...more };
    change(() => files.set(id, file));
    return file;
  };
  return {
    directory,
    addFile,
    async add(id, options = {}, more = {}) {
      const path = join(directory, `${id}.gguf`);
      await writeTinyGguf(path, options);
      return addFile(id, path, more);
    },
    forget: (id) => change(() => files.delete(id)),
    list: () => [...files.values()],
    find: (name) => files.get(name) ?? [...files.values()].find(({ aliases }) => aliases.includes(name)),
    catalog: () => [],
    defaultId: "",
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    pull() {
      throw new Error("a tiny library pulls nothing");
    },
    verify: () => Promise.resolve(),
    metadata: () => Promise.resolve(undefined),
    remove: () => Promise.reject(new Error("a tiny library removes nothing")),
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

async function modelFile(id: string, path: string): Promise<ModelFile> {
  const { size, mtimeMs } = await stat(path);
  return {
    id,
    aliases: [`${id}.gguf`],
    path,
    sizeBytes: size,
    modifiedMs: mtimeMs,
    title: id,
    licence: "Apache-2.0",
    sha256: "",
    architecture: "llama",
    trainedContextLength: 2048,
    purpose: "chat",
    problem: "",
  };
}
