import { protoInt64 } from "@bufbuild/protobuf";

/** Room of a fresh buffer, bytes: most tokens of a stream fit. */
const firstBytes = 256;

/** Buffers from here on are their own: of those that Node shares out, one that waits keeps 64 KiB. */
const leastOwnBytes = 4096;

/** A varint of 64 bits takes at most so many bytes. */
const mostVarintBytes = 10;

/** Texts up to here are written letter by letter, as long as they are ASCII: cheaper than a call out of JavaScript, and their length takes one byte. */
const shortText = 40;

const none = Buffer.alloc(0);

/** Bytes on their way out: grows as they are written, and is given away whole. */
export class Wire {
  bytes: Buffer = none;
  at = 0;

  /** Makes room for so many bytes more. */
  ensure(count: number): void {
    const needed = this.at + count;
    if (needed <= this.bytes.length) return;
    const size = Math.max(needed, 2 * this.bytes.length, firstBytes);
    const grown = size < leastOwnBytes ? Buffer.allocUnsafe(size) : Buffer.allocUnsafeSlow(size);
    if (this.at > 0) this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
  }

  /** What has been written; what comes next goes to a fresh buffer. Where that would keep much more alive than it holds it is a copy: what a slow client has not read waits as it is taken. */
  take(): Buffer {
    const { bytes, at } = this;
    this.at = 0;
    if (bytes.length < leastOwnBytes || 4 * at > 3 * bytes.length) {
      this.bytes = none;
      return bytes.subarray(0, at);
    }
    const exact = Buffer.allocUnsafeSlow(at);
    bytes.copy(exact, 0, 0, at);
    return exact;
  }

  /** Gives the room back that it keeps for what comes next, where that will be long in coming. Only while nothing is written. */
  release(): void {
    if (this.at === 0) this.bytes = none;
  }

  raw(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** An unsigned number of 32 bits. */
  varint32(value: number): void {
    this.ensure(mostVarintBytes);
    const { bytes } = this;
    let [at, rest] = [this.at, value];
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  /** A signed number of 32 bits: a negative one takes ten bytes. */
  int32(value: number): void {
    if (value >= 0) this.varint32(value);
    else this.varint64(value | 0, -1);
  }

  varint64(low: number, high: number): void {
    this.ensure(mostVarintBytes);
    let [lo, hi] = [low >>> 0, high >>> 0];
    while (hi !== 0 || lo > 0x7f) {
      this.bytes[this.at++] = (lo & 0x7f) | 0x80;
      lo = ((lo >>> 7) | (hi << 25)) >>> 0;
      hi >>>= 7;
    }
    this.bytes[this.at++] = lo;
  }

  int64(value: bigint | number | string): void {
    const { lo, hi } = protoInt64.enc(value);
    this.varint64(lo, hi);
  }

  uint64(value: bigint | number | string): void {
    const { lo, hi } = protoInt64.uEnc(value);
    this.varint64(lo, hi);
  }

  double(value: number): void {
    this.ensure(8);
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  float(value: number): void {
    this.ensure(4);
    this.at = this.bytes.writeFloatLE(value, this.at);
  }

  /** A text with its length before it. */
  text(value: string): void {
    if (value.length <= shortText && this.#ascii(value)) return;
    const length = Buffer.byteLength(value);
    this.varint32(length);
    this.ensure(length);
    this.at += this.bytes.write(value, this.at);
  }

  #ascii(value: string): boolean {
    this.ensure(value.length + 1);
    const { bytes, at } = this;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[at + 1 + index] = code;
    }
    bytes[at] = value.length;
    this.at = at + 1 + value.length;
    return true;
  }

  /** Begins something with its length before it; `close` is given the answer. */
  open(): number {
    this.ensure(1);
    return ++this.at;
  }

  /** Ends what was opened: most of it takes one byte for its length, for which there is room already. */
  close(start: number): void {
    const length = this.at - start;
    if (length <= 0x7f) {
      this.bytes[start - 1] = length;
      return;
    }
    const prefix = length < 0x4000 ? 2 : length < 0x200000 ? 3 : length < 0x10000000 ? 4 : 5;
    this.ensure(prefix - 1);
    this.bytes.copyWithin(start - 1 + prefix, start, this.at);
    this.at = start - 1;
    this.varint32(length);
    this.at += length;
  }
}
