import { ByteCursor, MalformedBytes, NeedMoreBytes } from "./byte-cursor.ts";
import { tensorTypes } from "./gguf-types.ts";

/** Scalars of a GGUF file's metadata by key; arrays and long texts (vocabulary, chat template) are stepped over. */
export type GgufMetadata = ReadonlyMap<string, string | number | boolean>;

/** What the beginning of a file says: its metadata; that more of it must be read; that the rest of the tensors is missing; or why it is no GGUF file that can be loaded. */
export type GgufCheck =
  | { readonly is: "whole"; readonly metadata: GgufMetadata; readonly tensors: number; readonly parameters: number }
  | { readonly is: "more" }
  | { readonly is: "cut"; readonly neededBytes: number }
  | { readonly is: "malformed"; readonly problem: string };

// Each far above any real model, so that a forged count costs neither memory nor time: llama.cpp compares every name with every other.
const maxTensors = 32_768;
const maxKeys = 8192;
const maxKeyBytes = 65_535; // the format's own
const maxTextBytes = 64 * 1024 * 1024;
const usualTextBytes = 4096;
const maxTexts = 4 * 1024 * 1024;
const maxNameBytes = 63; // GGML_MAX_NAME, with its end
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
const uint32Type = 4;
const textType = 8;
const arrayType = 9;
const alignmentKey = "general.alignment";

/** Checks the beginning of a GGUF file as strictly as llama.cpp reads it: magic, version, counts, lengths, types, and that the tensors lie one behind the other inside the file. Texts longer than `keptTextBytes` are stepped over. Never throws, whatever the bytes. */
export function checkGguf(prefix: Uint8Array, fileBytes: number, keptTextBytes = usualTextBytes): GgufCheck {
  const cursor = new ByteCursor(prefix, fileBytes);
  try {
    const { tensors, keys } = readCounts(cursor);
    const metadata = readMetadata(cursor, keys, keptTextBytes);
    const { neededBytes, parameters } = readTensors(cursor, tensors, alignmentOf(metadata));
    return neededBytes > fileBytes ? { is: "cut", neededBytes } : { is: "whole", metadata, tensors, parameters };
  } catch (error) {
    if (error instanceof NeedMoreBytes) return { is: "more" };
    if (error instanceof MalformedBytes) return { is: "malformed", problem: error.message };
    throw error;
  }
}

function readCounts(cursor: ByteCursor): { readonly tensors: number; readonly keys: number } {
  if (cursor.text(4) !== "GGUF") throw new MalformedBytes("it is no GGUF file, since it does not begin with GGUF");
  const version = cursor.uint32();
  if (version > 0xffff) throw new MalformedBytes("it is a big-endian GGUF file; convert it to little-endian");
  if (version !== 2 && version !== 3) throw new MalformedBytes(`its GGUF version is ${version}; versions 2 and 3 can be read`);
  return { tensors: count(cursor, maxTensors, "tensors"), keys: count(cursor, maxKeys, "metadata keys") };
}

function readMetadata(cursor: ByteCursor, keys: number, keptTextBytes: number): GgufMetadata {
  const metadata = new Map<string, string | number | boolean>();
  const seen = new Set<string>();
  for (let index = 0; index < keys; index++) {
    const key = cursor.text(count(cursor, maxKeyBytes, "bytes in a metadata key"));
    if (key === "") throw new MalformedBytes(`its metadata key ${index} is empty`);
    // No name out of the file stands in a problem: it may be anything.
    if (seen.has(key)) throw new MalformedBytes(`its metadata key ${index} is there twice`);
    seen.add(key);
    const type = cursor.uint32();
    if (key === alignmentKey && type !== uint32Type) throw new MalformedBytes("its alignment is no 32-bit number");
    const value = type === arrayType ? skipArray(cursor) : readScalar(cursor, type, keptTextBytes);
    if (value !== undefined) metadata.set(key, value);
  }
  return metadata;
}

/** Undefined for a text that is too long to keep. */
function readScalar(cursor: ByteCursor, type: number, keptTextBytes: number): string | number | boolean | undefined {
  switch (type) {
    case textType: {
      const bytes = count(cursor, maxTextBytes, "bytes in a metadata text");
      if (bytes <= keptTextBytes) return cursor.text(bytes);
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
  if (elements > maxTexts) throw new MalformedBytes(`its metadata has a list of ${elements} texts; at most ${maxTexts} can be`);
  for (let index = 0; index < elements; index++) cursor.take(count(cursor, maxTextBytes, "bytes in a metadata text"));
}

/** What the tensors of a file come to. */
interface Tensors {
  /** The size that the file must have. */
  readonly neededBytes: number;
  /** Numbers in all of them. */
  readonly parameters: number;
}

/** Nothing lies between two tensors but padding, so that none overlaps another. */
function readTensors(cursor: ByteCursor, tensors: number, alignment: number): Tensors {
  const names = new Set<string>();
  let end = 0;
  let parameters = 0;
  for (let index = 0; index < tensors; index++) {
    names.add(cursor.text(count(cursor, maxNameBytes, "bytes in a tensor's name")));
    if (names.size <= index) throw new MalformedBytes(`tensor ${index} has the name of another`);
    const { bytes, elements } = readTensorSize(cursor, index);
    const offset = cursor.uint64();
    const expected = padded(end, alignment);
    if (offset !== expected)
      throw new MalformedBytes(`tensor ${index} begins at ${offset} rather than ${expected}, where the one before ends`);
    end = offset + bytes;
    parameters += elements;
  }
  const neededBytes = tensors === 0 ? cursor.offset : padded(cursor.offset, alignment) + end;
  if (!Number.isSafeInteger(neededBytes)) throw new MalformedBytes("its tensors have more than 2^53 bytes");
  return { neededBytes, parameters };
}

/** Size of a tensor, from its shape and type. */
function readTensorSize(cursor: ByteCursor, index: number): { readonly bytes: number; readonly elements: number } {
  const { row, elements } = readShape(cursor);
  const typeNumber = cursor.uint32();
  const type = tensorTypes.get(typeNumber);
  if (type === undefined) throw new MalformedBytes(`tensor ${index} is of the type ${typeNumber}, which cannot be read`);
  if (row % type.elements !== 0) throw new MalformedBytes(`tensor ${index} has rows of ${row} elements, which are no whole blocks`);
  return { bytes: (elements / type.elements) * type.bytes, elements };
}

/** Elements of a row and in all. */
function readShape(cursor: ByteCursor): { readonly row: number; readonly elements: number } {
  const dimensions = cursor.uint32();
  if (dimensions > maxDimensions) throw new MalformedBytes(`a tensor has ${dimensions} dimensions; at most ${maxDimensions} can be`);
  const lengths = Array.from({ length: dimensions }, () => cursor.uint64());
  const elements = lengths.reduce((product, length) => product * length, 1);
  if (elements === 0) throw new MalformedBytes("a tensor has no elements");
  if (!Number.isSafeInteger(elements)) throw new MalformedBytes("a tensor has more than 2^53 elements");
  return { row: lengths[0] ?? 1, elements };
}

function padded(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function alignmentOf(metadata: GgufMetadata): number {
  const alignment = metadata.get(alignmentKey) ?? 32;
  if (typeof alignment !== "number" || alignment < 1 || alignment > 65_536 || Math.log2(alignment) % 1 !== 0)
    throw new MalformedBytes(`its alignment ${alignment} is no power of two`);
  return alignment;
}

function count(cursor: ByteCursor, max: number, what: string): number {
  const value = cursor.uint64();
  if (value > max) throw new MalformedBytes(`its header says ${value} ${what}; at most ${max} can be`);
  return value;
}
