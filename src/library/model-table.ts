import { isModelId } from "../core/model-id.ts";
import type { ModelFile } from "../core/ports.ts";
import type { Catalog, CatalogEntry } from "./catalog.ts";
import type { ModelHeader } from "./model-header.ts";

/** A file as the folder has it, before it has a name to be asked for by. */
export interface ScannedFile extends ModelHeader {
  /** Its name in the folder. */
  readonly file: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Lower-case hex; undefined when it was never computed. */
  readonly sha256: string | undefined;
}

/** The files of a folder by everything they answer to. */
export interface ModelTable {
  /** By id, in the order of ids. */
  readonly files: readonly ModelFile[];
  /** Ids and aliases. */
  readonly byName: ReadonlyMap<string, ModelFile>;
  /** By name in the folder. */
  readonly byFile: ReadonlyMap<string, ModelFile>;
}

/** Gives every file its names. A catalog model has its catalog id before any file that happens to be called so. */
export function modelTable(scanned: readonly ScannedFile[], catalog: Catalog): ModelTable {
  const checked = scanned.map((file) => ({ ...file, problem: problemOf(file, catalog) }));
  const matched = checked.map((file) => ({ file, entry: entryOf(file, catalog) })).toSorted((a, b) => compare(a.file.file, b.file.file));
  const taken = new Set(matched.flatMap(({ entry }) => (entry === undefined ? [] : [entry.id])));
  const named = matched.map(({ file, entry }) => {
    const id = entry?.id ?? freeName(file.file, taken);
    taken.add(id);
    return { file, entry, id };
  });
  const byFile = new Map<string, ModelFile>();
  for (const { file, entry, id } of named) {
    const aliases = fileAliases(file.file).filter((alias) => isModelId(alias) && !taken.has(alias));
    for (const alias of aliases) taken.add(alias);
    byFile.set(file.file, modelFile(file, entry, { id, aliases }));
  }
  const files = [...byFile.values()].toSorted((a, b) => compare(a.id, b.id));
  return { files, byFile, byName: new Map(files.flatMap((file) => [file.id, ...file.aliases].map((name) => [name, file] as const))) };
}

/** The catalog model that this is by its name and size. */
function claimedEntry(file: ScannedFile, catalog: Catalog): CatalogEntry | undefined {
  const entry = catalog.entries.find((each) => each.file === file.file);
  return entry !== undefined && (entry.sizeBytes ?? file.sizeBytes) === file.sizeBytes ? entry : undefined;
}

/** Whether these are not the bytes of a catalog model, as far as a hash that was computed can tell. */
function isOther(file: ScannedFile, entry: CatalogEntry): boolean {
  return (entry.sha256 ?? file.sha256) !== (file.sha256 ?? entry.sha256);
}

/** The problem of a file: what is wrong with its header, or that it is changed. One of the catalog's size and name that is somebody's own is less likely than one that went bad. */
function problemOf(file: ScannedFile, catalog: Catalog): string {
  const entry = claimedEntry(file, catalog);
  if (file.problem !== "" || entry?.sizeBytes === undefined || !isOther(file, entry)) return file.problem;
  return "its bytes are not the catalog's, though its name and size are: pull it again, or rename it if it is yours";
}

/** The catalog model whose bytes these are, as far as name, size and a hash that was computed can tell. */
function entryOf(file: ScannedFile, catalog: Catalog): CatalogEntry | undefined {
  const entry = file.problem === "" ? claimedEntry(file, catalog) : undefined;
  return entry === undefined || isOther(file, entry) ? undefined : entry;
}

function modelFile(file: ScannedFile, entry: CatalogEntry | undefined, names: Pick<ModelFile, "id" | "aliases">): ModelFile {
  const canBeNamed = isModelId(names.id);
  return {
    ...names,
    path: file.path,
    sizeBytes: file.sizeBytes,
    modifiedMs: file.modifiedMs,
    title: entry?.title ?? (file.title || stemOf(file.file)),
    licence: entry?.licence ?? file.licence,
    sha256: file.sha256 ?? "",
    architecture: file.architecture,
    parameterCount: file.parameterCount,
    fileType: file.fileType,
    trainedContextLength: file.trainedContextLength ?? entry?.contextLength,
    purpose: file.purpose,
    ...(file.isAdapter === true && { isAdapter: true }),
    problem: canBeNamed ? file.problem : "no request can name it: rename it to letters, digits and . _ - only",
  };
}

function freeName(file: string, taken: ReadonlySet<string>): string {
  const stem = stemOf(file);
  return taken.has(stem) ? file : stem;
}

/** What a file answers to beside an id: its name with and without `.gguf`. */
export function fileAliases(file: string): readonly string[] {
  return [file, stemOf(file)];
}

function stemOf(file: string): string {
  return file.slice(0, -".gguf".length);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
