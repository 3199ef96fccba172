import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import type { ModelFile, ModelPurpose } from "../core/ports.ts";
import { checkGguf, type GgufCheck, type GgufMetadata } from "./gguf-header.ts";

/** What a model file says of itself. */
export interface ModelHeader extends Pick<
  ModelFile,
  "architecture" | "trainedContextLength" | "parameterCount" | "fileType" | "purpose" | "problem" | "isAdapter"
> {
  /** `general.name`; empty when it has none. */
  readonly title: string;
  /** `general.license`, as SPDX spells it where that is known; empty when it has none. */
  readonly licence: string;
}

const firstReadBytes = 1024 * 1024;
/** Vocabularies of 260,000 tokens with their merges take some 12 MiB. */
const maxHeaderBytes = 64 * 1024 * 1024;

const maxInt32 = 2 ** 31 - 1;

const requiredNumbers = ["context_length", "embedding_length", "block_count"] as const;
/** What helps against a file that is broken. */
const again = "pull or convert the model again";

/** The hub writes licences in lower case; SPDX does not. */
const spdx = new Map(["Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "CC-BY-NC-4.0", "GPL-3.0"].map((id) => [id.toLowerCase(), id]));

/** Architectures that make vectors also where the file names no pooling. */
const embedders = new Set([
  "bert",
  "nomic-bert",
  "nomic-bert-moe",
  "jina-bert-v2",
  "jina-bert-v3",
  "modern-bert",
  "neo-bert",
  "eurobert",
  "t5encoder",
]);

/** Reads and checks the header of a model file. What is wrong with the file stands in `problem`; throws only what the file system throws. */
export async function readModelHeader(path: string): Promise<ModelHeader> {
  // No link is followed here, and a pipe with a model's name cannot block: the caller has resolved the path and seen a file.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await handle.stat();
    return describe(await checkFile(handle, size), size);
  } finally {
    await handle.close();
  }
}

/** The longest text of a header that is shown, bytes: templates take some ten thousand. */
const shownTextBytes = 256 * 1024;

/** Everything but lists that the header of a model file says; undefined when it cannot be read. Throws only what the file system throws. */
export async function readMetadata(path: string): Promise<GgufMetadata | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const check = await checkFile(handle, (await handle.stat()).size, shownTextBytes);
    return check.is === "whole" ? check.metadata : undefined;
  } finally {
    await handle.close();
  }
}

async function checkFile(handle: FileHandle, fileBytes: number, keptTextBytes?: number): Promise<GgufCheck> {
  if (fileBytes === 0) return { is: "malformed", problem: "it is empty" };
  for (let bytes = firstReadBytes; bytes <= maxHeaderBytes; bytes *= 4) {
    const buffer = Buffer.alloc(Math.min(bytes, fileBytes));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    const check = checkGguf(buffer.subarray(0, bytesRead), fileBytes, keptTextBytes);
    if (check.is !== "more") return check;
  }
  return { is: "malformed", problem: `its header is larger than ${maxHeaderBytes} bytes` };
}

function describe(check: GgufCheck, fileBytes: number): ModelHeader {
  switch (check.is) {
    case "whole":
      return describeMetadata(check);
    case "cut":
      return broken(`it is not whole: ${fileBytes} of ${check.neededBytes} bytes are here; unless it is still being copied, ${again}`);
    case "malformed":
      return broken(`${check.problem}: ${again}`);
    default:
      return broken("it became shorter while it was read");
  }
}

/** The header of a file that cannot be loaded, for the reason given. */
export function broken(problem: string): ModelHeader {
  return { architecture: "", title: "", licence: "", trainedContextLength: undefined, purpose: "chat", problem };
}

function describeMetadata({ metadata, tensors, parameters }: Extract<GgufCheck, { is: "whole" }>): ModelHeader {
  const architecture = textOf(metadata, "general.architecture");
  const pooling = metadata.get(`${architecture}.pooling_type`);
  const contextLength = metadata.get(`${architecture}.context_length`);
  const fileType = metadata.get("general.file_type");
  return {
    architecture,
    parameterCount: parameters,
    fileType: typeof fileType === "number" ? fileType : undefined,
    isAdapter: textOf(metadata, "general.type") === "adapter",
    title: textOf(metadata, "general.name"),
    licence: licenceOf(textOf(metadata, "general.license")),
    trainedContextLength: typeof contextLength === "number" && contextLength > 0 && contextLength <= maxInt32 ? contextLength : undefined,
    purpose: purposeOf(architecture, pooling),
    problem: problemOf(metadata, architecture) || missing(metadata, architecture, tensors),
  };
}

/** llama.cpp's number for a model whose pooled state goes through a head that ranks. */
const rankPooling = 4;

function purposeOf(architecture: string, pooling: unknown): ModelPurpose {
  if (pooling === rankPooling) return "rerank";
  return embedders.has(architecture) || (typeof pooling === "number" && pooling > 0) ? "embed" : "chat";
}

/** Files that are whole and yet no model that can be loaded by itself. */
function problemOf(metadata: GgufMetadata, architecture: string): string {
  const type = textOf(metadata, "general.type");
  if (type === "adapter") return "it is a LoRA adapter, which needs the model it was made for";
  if (type === "mmproj" || architecture === "clip") return "it is the vision part of a model, which needs the model itself";
  if (type === "imatrix" || type === "vocab") return `it holds no model but ${type === "vocab" ? "a vocabulary" : "an importance matrix"}`;
  const parts = metadata.get("split.count");
  if (typeof parts === "number" && parts > 1) return `it is one of ${parts} parts; join them with llama-gguf-split --merge`;
  return "";
}

/** What every model must say of itself, or llama.cpp does not load it. */
function missing(metadata: GgufMetadata, architecture: string, tensors: number): string {
  if (architecture === "") return `its header names no architecture: ${again}`;
  for (const key of requiredNumbers) {
    const value = metadata.get(`${architecture}.${key}`);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > maxInt32)
      return `its header has no valid ${key}: ${again}`;
  }
  if (textOf(metadata, "tokenizer.ggml.model") === "") return `its header names no tokenizer: ${again}`;
  return tensors === 0 ? `it holds no weights: ${again}` : "";
}

function licenceOf(text: string): string {
  return spdx.get(text.toLowerCase()) ?? text;
}

function textOf(metadata: GgufMetadata, key: string): string {
  const value = metadata.get(key);
  return typeof value === "string" ? value.trim() : "";
}
