import { open, type FileHandle } from "node:fs/promises";
import { createInflateRaw } from "node:zlib";
import { SourceFailure } from "./source.ts";

/** A file inside a zip archive. */
export interface ZipMember {
  readonly sizeBytes: number;
  /** Its bytes, decompressed; never more than `sizeBytes`. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Closes the archive; must be called. */
  close(): Promise<void>;
}

interface Entry {
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  /** Of its local header. */
  readonly offset: number;
}

// From the format's specification (APPNOTE 4.3 and 4.5.3).
const endSignature = 0x06054b50;
const endBytes = 22;
const maxCommentBytes = 0xffff;
const end64LocatorSignature = 0x07064b50;
const end64LocatorBytes = 20;
const end64Signature = 0x06064b50;
const end64Bytes = 56;
const entrySignature = 0x02014b50;
const entryBytes = 46;
const localSignature = 0x04034b50;
const localBytes = 30;
const zip64Extra = 1;
const inZip64 = 0xffffffff;
const stored = 0;
const deflated = 8;

const maxDirectoryBytes = 64 * 1024 * 1024;

/** Opens one member of a zip archive by its exact name. Throws SourceFailure when the archive is malformed or has no such member. */
export async function openZipMember(path: string, name: string): Promise<ZipMember> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const directory = await readDirectory(handle, size);
    const entry = findEntry(directory, name);
    if (entry === undefined) throw new SourceFailure(`has no ${name} inside`);
    if (entry.isEncrypted || (entry.method !== stored && entry.method !== deflated))
      throw new SourceFailure(`has ${name} packed in a way that cannot be read`);
    const local = await read(handle, entry.offset, localBytes);
    if (local.readUInt32LE(0) !== localSignature) throw malformed();
    const start = entry.offset + localBytes + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (start + entry.packedBytes > size) throw malformed();
    return { sizeBytes: entry.sizeBytes, bytes: unpack(handle, entry, start), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error instanceof RangeError ? malformed() : error;
  }
}

async function readDirectory(handle: FileHandle, fileBytes: number): Promise<Buffer> {
  const tailBytes = Math.min(fileBytes, endBytes + maxCommentBytes + end64LocatorBytes);
  const tail = await read(handle, fileBytes - tailBytes, tailBytes);
  let end = tail.length - endBytes;
  while (end >= 0 && tail.readUInt32LE(end) !== endSignature) end--;
  if (end < 0) throw malformed();
  const locator = end - end64LocatorBytes;
  const isZip64 = locator >= 0 && tail.readUInt32LE(locator) === end64LocatorSignature;
  if (!isZip64) return readBounded(handle, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const end64 = await read(handle, uint64(tail, locator + 8), end64Bytes);
  if (end64.readUInt32LE(0) !== end64Signature) throw malformed();
  return readBounded(handle, uint64(end64, 48), uint64(end64, 40));
}

function readBounded(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  if (bytes > maxDirectoryBytes) throw malformed();
  return read(handle, offset, bytes);
}

function findEntry(directory: Buffer, name: string): Entry | undefined {
  const wanted = Buffer.from(name);
  for (let at = 0; at + entryBytes <= directory.length;) {
    if (directory.readUInt32LE(at) !== entrySignature) throw malformed();
    const nameEnd = at + entryBytes + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    if (wanted.equals(directory.subarray(at + entryBytes, nameEnd))) return readEntry(directory, at, directory.subarray(nameEnd, extraEnd));
    at = extraEnd + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

function readEntry(directory: Buffer, at: number, extra: Buffer): Entry {
  const large = zip64Values(extra);
  // The zip64 field holds, in this order, only those values that did not fit.
  const value = (short: number) => (short === inZip64 ? (large.shift() ?? short) : short);
  const sizeBytes = value(directory.readUInt32LE(at + 24));
  const packedBytes = value(directory.readUInt32LE(at + 20));
  const offset = value(directory.readUInt32LE(at + 42));
  return {
    method: directory.readUInt16LE(at + 10),
    isEncrypted: (directory.readUInt16LE(at + 8) & 1) === 1,
    sizeBytes,
    packedBytes,
    offset,
  };
}

function zip64Values(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== zip64Extra) continue;
    const field = extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
    return Array.from({ length: Math.min(3, Math.floor(field.length / 8)) }, (_, index) => uint64(field, index * 8));
  }
  return [];
}

async function* unpack(handle: FileHandle, entry: Entry, start: number): AsyncGenerator<Uint8Array, void, undefined> {
  if (entry.packedBytes === 0) return;
  const packed = handle.createReadStream({ start, end: start + entry.packedBytes - 1, highWaterMark: 256 * 1024, autoClose: false });
  const inflate = createInflateRaw({ chunkSize: 256 * 1024 });
  packed.on("error", (error) => inflate.destroy(error));
  const bytes: AsyncIterable<Buffer> = entry.method === deflated ? packed.pipe(inflate) : packed;
  let seen = 0;
  try {
    for await (const chunk of bytes) {
      seen += chunk.length;
      if (seen > entry.sizeBytes) throw malformed();
      yield chunk;
    }
  } finally {
    packed.destroy();
    inflate.destroy();
  }
}

async function read(handle: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await handle.read(buffer, 0, bytes, offset);
  if (bytesRead < bytes) throw malformed();
  return buffer;
}

function uint64(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 4) * 2 ** 32 + buffer.readUInt32LE(at);
}

function malformed(): SourceFailure {
  return new SourceFailure("is a malformed archive");
}
