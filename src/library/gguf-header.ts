import { ByteCursor, MalformedBytes, NeedMoreBytes } from "./byte-cursor.ts";
import { tensorTypes } from "./gguf-types.ts";

/** Scalars of a GGUF file's metadata by key; arrays and long texts (vocabulary, chat template) are stepped over. */
export type GgufMetadata = ReadonlyMap<string, string | number | boolean>;

/** What the beginning of a file says: its metadata; that more of it must be read; that the rest of the tensors is missing; or why it is no GGUF file that can be loaded. */
export type GgufCheck =
  | { readonly is: "whole"; readonly metadata: GgufMetadata }
  | { readonly is: "more" }
  | { readonly is: "cut"; readonly neededBytes: number }
  | { readonly is: "malformed"; readonly problem: string };

// Each far above any real model, so that a forged count costs neither memory nor time.
const maxTensors = 262_144;
const maxKeys = 65_536;
const maxKeyBytes = 65_535; // the format's own
const maxTextBytes = 64 * 1024 * 1024;
const maxKeptTextBytes = 4096;
const maxNameBytes = 1024;
const maxDimensions = 4; // GGML_MAX_DIMS

const scalarBytes: ReadonlyMap<number, number> = new Map([
  [0, 1], // uint8
  [1, 1], // int8
  [2, 2], // uint16
  [3, 2], // int16
  [4, 4], // uint32
  [5, 4], // int32
  [6, 4], // float32
  [7, 1], // bool
  [10, 8], // uint64
  [11, 8], // int64
  [12, 8], // float64
]);
const textType = 8;
const arrayType = 9;

/** Checks the beginning of a GGUF file: magic, version, counts, lengths, and that every tensor lies inside the file. Never throws, whatever the bytes. */
export function checkGguf(prefix: Uint8Array, fileBytes: number): GgufCheck {
  const cursor = new ByteCursor(prefix, fileBytes);
  try {
    const { tensors, keys } = readCounts(cursor);
    const metadata = readMetadata(cursor, keys);
    const neededBytes = readTensors(cursor, tensors, alignmentOf(metadata));
    return neededBytes > fileBytes ? { is: "cut", neededBytes } : { is: "whole", metadata };
  } catch (error) {
    if (error instanceof NeedMoreBytes) return { is: "more" };
    if (error instanceof MalformedBytes) return { is: "malformed", problem: error.message };
    throw error;
  }
}

function readCounts(cursor: ByteCursor): { readonly tensors: number; readonly keys: number } {
  if (cursor.text(4) !== "GGUF") throw new MalformedBytes("it is no GGUF file: it does not begin with GGUF");
  const version = cursor.uint32();
  if (version > 0xffff) throw new MalformedBytes("it is a big-endian GGUF file; convert it to little-endian");
  if (version !== 2 && version !== 3) throw new MalformedBytes(`its GGUF version is ${version}; versions 2 and 3 can be read`);
  return { tensors: count(cursor, maxTensors, "tensors"), keys: count(cursor, maxKeys, "metadata keys") };
}

function readMetadata(cursor: ByteCursor, keys: number): GgufMetadata {
  const metadata = new Map<string, string | number | boolean>();
  for (let index = 0; index < keys; index++) {
    const key = cursor.text(count(cursor, maxKeyBytes, "bytes in a metadata key"));
    const type = cursor.uint32();
    const value = type === arrayType ? skipArray(cursor) : readScalar(cursor, type);
    if (value !== undefined) metadata.set(key, value);
  }
  return metadata;
}

/** Undefined for a text that is too long to keep. */
function readScalar(cursor: ByteCursor, type: number): string | number | boolean | undefined {
  switch (type) {
    case textType: {
      const bytes = count(cursor, maxTextBytes, "bytes in a metadata text");
      if (bytes <= maxKeptTextBytes) return cursor.text(bytes);
      cursor.take(bytes);
      return undefined;
    }
    case 6:
      return cursor.float32();
    case 12:
      return cursor.float64();
    case 7:
      return cursor.uint8() !== 0;
    default:
      return readInteger(cursor, type);
  }
}

/** Negative values wrap; no key that is looked at can be negative. Undefined beyond 2^53, such as a random seed. */
function readInteger(cursor: ByteCursor, type: number): number | undefined {
  const bytes = scalarBytes.get(type);
  if (bytes === undefined) throw new MalformedBytes(`its metadata has a value of the unknown type ${type}`);
  if (bytes === 1) return cursor.uint8();
  if (bytes === 2) return cursor.uint8() + cursor.uint8() * 256;
  const low = cursor.uint32();
  if (bytes === 4) return low;
  const value = cursor.uint32() * 2 ** 32 + low;
  return Number.isSafeInteger(value) ? value : undefined;
}

function skipArray(cursor: ByteCursor): undefined {
  const type = cursor.uint32();
  const elements = cursor.uint64();
  const bytes = scalarBytes.get(type);
  if (bytes !== undefined) {
    cursor.take(elements * bytes);
    return;
  }
  if (type !== textType) throw new MalformedBytes(`its metadata has an array of the unknown type ${type}`);
  for (let index = 0; index < elements; index++) cursor.take(count(cursor, maxTextBytes, "bytes in a metadata text"));
}

/** Answers with the size that the file must have. */
function readTensors(cursor: ByteCursor, tensors: number, alignment: number): number {
  let end = 0;
  for (let index = 0; index < tensors; index++) {
    cursor.take(count(cursor, maxNameBytes, "bytes in a tensor's name"));
    const elements = readElements(cursor);
    const type = tensorTypes.get(cursor.uint32()) ?? { elements: 1, bytes: 0 };
    const offset = cursor.uint64();
    if (offset % alignment !== 0) throw new MalformedBytes(`tensor ${index} begins at ${offset}, which is no multiple of ${alignment}`);
    if (elements % type.elements !== 0) throw new MalformedBytes(`tensor ${index} has ${elements} elements, which are no whole blocks`);
    end = Math.max(end, offset + (elements / type.elements) * type.bytes);
  }
  return tensors === 0 ? cursor.offset : Math.ceil(cursor.offset / alignment) * alignment + end;
}

function readElements(cursor: ByteCursor): number {
  let elements = 1;
  const dimensions = cursor.uint32();
  if (dimensions > maxDimensions) throw new MalformedBytes(`a tensor has ${dimensions} dimensions; at most ${maxDimensions} can be`);
  for (let index = 0; index < dimensions; index++) elements *= cursor.uint64();
  if (!Number.isSafeInteger(elements)) throw new MalformedBytes("a tensor has more than 2^53 elements");
  return elements;
}

function alignmentOf(metadata: GgufMetadata): number {
  const alignment = metadata.get("general.alignment") ?? 32;
  if (typeof alignment !== "number" || alignment < 1 || alignment > 65_536 || Math.log2(alignment) % 1 !== 0)
    throw new MalformedBytes(`its alignment ${alignment} is no power of two`);
  return alignment;
}

function count(cursor: ByteCursor, max: number, what: string): number {
  const value = cursor.uint64();
  if (value > max) throw new MalformedBytes(`its header says ${value} ${what}; at most ${max} can be`);
  return value;
}
