/** The bytes cannot be what they claim to be; the message says why, for people. */
export class MalformedBytes extends Error {}

/** The prefix that was read is too short to go on: read more of the file and begin again. */
export class NeedMoreBytes extends Error {}

/** Reads little-endian values from the beginning of a file, of which only a prefix may be in memory. */
export class ByteCursor {
  offset = 0;
  readonly #bytes: Buffer;
  readonly #fileBytes: number;

  constructor(prefix: Uint8Array, fileBytes: number) {
    this.#bytes = Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength);
    this.#fileBytes = fileBytes;
  }

  /** Steps over bytes and answers where they began. Throws when the file, or the prefix of it, ends before. */
  take(bytes: number): number {
    const start = this.offset;
    const end = start + bytes;
    if (end > this.#fileBytes) throw new MalformedBytes(`its header says more than its ${this.#fileBytes} bytes can hold`);
    if (end > this.#bytes.length) throw new NeedMoreBytes();
    this.offset = end;
    return start;
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.take(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.take(4));
  }

  /** A count, size or offset. Throws beyond 2^53: no file is that large. */
  uint64(): number {
    const start = this.take(8);
    const value = this.#bytes.readUInt32LE(start + 4) * 2 ** 32 + this.#bytes.readUInt32LE(start);
    if (!Number.isSafeInteger(value)) throw new MalformedBytes("its header has a number beyond 2^53");
    return value;
  }

  float32(): number {
    return this.#bytes.readFloatLE(this.take(4));
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.take(8));
  }

  text(bytes: number): string {
    const start = this.take(bytes);
    return this.#bytes.toString("utf8", start, start + bytes);
  }
}
