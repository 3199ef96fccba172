/** A value of a GGUF file's metadata, with the type it is written as. */
export type MetadataValue =
  | { readonly uint32: number }
  | { readonly float32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly int32s: readonly number[] };

/** A tensor of 32-bit floats; `shape` has the fastest dimension first, as the format wants it. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const version = 3;
const alignment = 32;
const float32Type = 0;
/** Type numbers of the GGUF specification. */
const valueType = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

/** The bytes of a GGUF file, version 3, little-endian. */
export function ggufBytes(metadata: Readonly<Record<string, MetadataValue>>, tensors: readonly Tensor[]): Buffer {
  const entries = Object.entries(metadata);
  const head = [Buffer.from("GGUF"), uint32(version), uint64(tensors.length), uint64(entries.length)];
  for (const [key, value] of entries) head.push(text(key), valueBytes(value));
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    head.push(text(name), uint32(shape.length), ...shape.map((length) => uint64(length)), uint32(float32Type), uint64(offset));
    offset += padded(values.byteLength);
  }
  const front = Buffer.concat(head);
  const file = Buffer.alloc(padded(front.length) + offset);
  front.copy(file);
  let at = padded(front.length);
  for (const { values } of tensors) {
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += padded(values.byteLength);
  }
  return file;
}

function valueBytes(value: MetadataValue): Buffer {
  if ("uint32" in value) return Buffer.concat([uint32(valueType.uint32), uint32(value.uint32)]);
  if ("float32" in value) return Buffer.concat([uint32(valueType.float32), float32(value.float32)]);
  if ("bool" in value) return Buffer.concat([uint32(valueType.bool), Buffer.from([value.bool ? 1 : 0])]);
  if ("string" in value) return Buffer.concat([uint32(valueType.string), text(value.string)]);
  if ("strings" in value) return array(valueType.string, value.strings.map(text));
  return array(valueType.int32, value.int32s.map(int32));
}

function array(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([uint32(valueType.array), uint32(type), uint64(items.length), ...items]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "utf8");
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment;
}
