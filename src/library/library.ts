import { constants } from "node:fs";
import { access, lstat, mkdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { create } from "@bufbuild/protobuf";
import { Capability, ModelSchema, ModelState, type Model, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import type { Variables } from "../core/child-environment.ts";
import type { Limits } from "../core/limits.ts";
import type { Clock, Library, Log } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import { readCatalog, type Catalog, type CatalogEntry } from "./catalog.ts";
import { httpClient } from "./http-source.ts";
import { keptMetadata } from "./kept-metadata.ts";
import { openModelFolder, type ModelFolder } from "./model-folder.ts";
import { fileAliases } from "./model-table.ts";
import { parsePullReference } from "./pull-reference.ts";
import { modelPulls } from "./pulls.ts";
import { configuredUrl, isMirrorUrl, type PullTarget } from "./sources.ts";
import { verification } from "./verification.ts";
import { openVerifiedHashes } from "./verified-hashes.ts";

/** What a library is opened with. */
export interface LibraryOptions {
  /** Folder of the model files; made when it is not there. A `catalog.json` in it replaces ours. */
  readonly directory: string;
  /** A local folder or https URL that is asked first for every file, by its name. */
  readonly mirror: string | undefined;
  /** Folder for what is remembered of the files. */
  readonly dataDirectory: string;
  readonly hub: {
    /** Base URL. */
    readonly endpoint: string;
    readonly token: string | undefined;
  };
  readonly limits: Limits;
  /** Of this process; the programs that fetch files get those that they need. */
  readonly variables: Variables;
  readonly clock: Clock;
  readonly log: Log;
}

/** A library with what only the command line may do. */
export interface ModelLibrary extends Library {
  /** Absolute path of the model folder. */
  readonly directory: string;
  /** Like `pull`, and takes `hf:owner/repo/file.gguf` and https URLs too, whose bytes are checked only where the hub says their hash. */
  pullFrom(reference: string, signal: AbortSignal): AsyncIterable<PullModelResponse>;
}

const packagedCatalog = fileURLToPath(new URL("../../models/catalog.json", import.meta.url));

/** Opens the model folder. Throws `invalid_request` for a catalog, mirror or hub that cannot be used. */
export async function openLibrary(options: LibraryOptions): Promise<ModelLibrary> {
  const { limits, clock, log, hub, variables } = options;
  const directory = resolve(options.directory);
  const hubUrl = configuredUrl(hub.endpoint, "HF_ENDPOINT");
  const mirror = checkedMirror(options.mirror);
  await makeFolder(directory);
  const catalog = await readCatalog(await catalogPath(directory));
  const hashes = await openVerifiedHashes(join(options.dataDirectory, "verified-models.json"), log);
  const folder = await openModelFolder({ directory, catalog, hashes, clock, log });
  const expected = (id: string) => catalog.entries.find((entry) => entry.id === id)?.sha256;
  const verifying = verification({ folder, hashes, expected });
  const token = hub.token === undefined ? undefined : { origin: hubUrl.origin, value: hub.token };
  const metadataOf = keptMetadata();
  const client = httpClient({ limits, token, variables });
  const pulls = modelPulls({ settings: { directory, mirror, hubUrl, client, limits, variables }, folder, hashes, limits, clock, log });

  return {
    directory,
    defaultId: catalog.defaultId,
    list: () => folder.table().files,
    find: (name) => folder.table().byName.get(name),
    catalog: () => missingEntries(catalog, folder).map((entry) => catalogModel(entry, pulls.isPulling(entry.file))),
    watch: (listener) => folder.watch(listener),
    async *pull(id, signal) {
      yield* pulls.pull(catalogTarget(id, catalog), signal);
    },
    async *pullFrom(reference, signal) {
      yield* pulls.pull(parsePullReference(reference, hubUrl) ?? catalogTarget(reference, catalog), signal);
    },
    verify: (name, signal) => verifying.verify(name, signal),
    metadata: async (name) => {
      const file = folder.table().byName.get(name);
      return file === undefined ? undefined : metadataOf(file);
    },
    remove: (id) => removeModel(id, directory, folder),
    async close() {
      verifying.close();
      folder.close();
      await pulls.close();
      await client.close();
    },
  };
}

function checkedMirror(mirror: string | undefined): string | undefined {
  if (mirror === undefined || mirror === "") return undefined;
  return isMirrorUrl(mirror) ? configuredUrl(mirror, "LLM_MODEL_MIRROR").href : resolve(mirror);
}

async function makeFolder(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fault("invalid_request", `the model folder ${directory} cannot be made or read (${code}): set LLM_MODELS_DIR to one that can`, {
      cause: error,
    });
  }
}

async function catalogPath(directory: string): Promise<string> {
  const own = join(directory, "catalog.json");
  return access(own).then(
    () => own,
    () => packagedCatalog,
  );
}

function missingEntries(catalog: Catalog, folder: ModelFolder): readonly CatalogEntry[] {
  const { byName } = folder.table();
  return catalog.entries.filter(({ id }) => !byName.has(id));
}

function catalogTarget(name: string, { entries }: Catalog): PullTarget {
  const entry = entries.find(({ id, file }) => id === name || fileAliases(file).includes(name));
  if (entry === undefined)
    throw fault("model_not_found", `the catalog has no model ${JSON.stringify(name)}; \`parley models list\` shows what it has`);
  return { ...entry, isTrusted: false };
}

const capabilities: Readonly<Record<CatalogEntry["purpose"], readonly Capability[]>> = {
  chat: [Capability.CHAT],
  reasoning: [Capability.CHAT, Capability.REASONING],
  embedding: [Capability.EMBED],
};

function catalogModel(entry: CatalogEntry, isPulling: boolean): Model {
  const model = create(ModelSchema, {
    id: entry.id,
    title: entry.title,
    state: isPulling ? ModelState.PULLING : ModelState.CATALOG,
    capabilities: [...capabilities[entry.purpose]],
    licence: entry.licence,
    ownedBy: "local",
    sha256: entry.sha256 ?? "",
    aliases: [...fileAliases(entry.file)],
  });
  if (entry.sizeBytes !== undefined) model.sizeBytes = BigInt(entry.sizeBytes);
  if (entry.contextLength !== undefined) model.contextLength = entry.contextLength;
  return model;
}

async function removeModel(id: string, directory: string, folder: ModelFolder): Promise<number> {
  const { byName, byFile } = folder.table();
  const model = byName.get(id);
  const [file] = [...byFile].find(([, each]) => each === model) ?? [];
  if (model === undefined || file === undefined) throw fault("model_not_found", `no model on disk answers to ${JSON.stringify(id)}`);
  const path = join(directory, file);
  const isLink = (await lstat(path)).isSymbolicLink();
  await rm(path);
  await folder.rescan();
  return isLink ? 0 : model.sizeBytes;
}
