import { crc32, deflateRawSync } from "node:zlib";

/** A file of an archive. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Buffer;
  /** Default: deflated. */
  readonly isStored?: boolean;
  /** Writes its sizes as zip64 does. */
  readonly isZip64?: boolean;
}

/** The bytes of a zip archive. */
export function zipBytes(files: readonly ZipFile[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, isStored = false, isZip64 = false } of files) {
    const packed = isStored ? bytes : deflateRawSync(bytes);
    const title = Buffer.from(name);
    const sizes = isZip64 ? { packed: 0xffffffff, whole: 0xffffffff } : { packed: packed.length, whole: bytes.length };
    const extra = isZip64 ? zip64Extra(bytes.length, packed.length) : Buffer.alloc(0);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(isZip64 ? 45 : 20, 0);
    common.writeUInt16LE(isStored ? 0 : 8, 4);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(sizes.packed, 14);
    common.writeUInt32LE(sizes.whole, 18);
    common.writeUInt16LE(title.length, 22);
    common.writeUInt16LE(extra.length, 24);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, title, extra, packed]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\u0001\u0002\u0014\u0000"), common, place, title, extra]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, central, Buffer.from("PK\u0005\u0006"), end]);
}

function zip64Extra(wholeBytes: number, packedBytes: number): Buffer {
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(BigInt(wholeBytes), 4);
  extra.writeBigUInt64LE(BigInt(packedBytes), 12);
  return extra;
}
