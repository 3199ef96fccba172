/**
 * Bytes that come in pieces. One piece is kept as it is; further ones are copied into one buffer that doubles, so that a million pieces of a byte each
 * cost what their bytes do, and not an object and the page of memory behind it each.
 */
export class GatheredBytes {
  #first: Buffer | undefined;
  #whole: Buffer | undefined;
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  push(piece: Buffer): void {
    const before = this.#length;
    this.#length += piece.length;
    if (before === 0) {
      this.#first = piece;
      return;
    }
    this.#room(this.#length).set(piece, before);
  }

  /** All of them; a view that further pieces may overwrite. */
  joined(): Buffer {
    return this.#first ?? this.#whole?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  /** The buffer, with room for so many bytes. */
  #room(bytes: number): Buffer {
    const old = this.#first ?? this.#whole;
    if (this.#whole !== undefined && this.#whole.length >= bytes) return this.#whole;
    const grown = Buffer.allocUnsafeSlow(Math.max(leastBytes, 2 ** Math.ceil(Math.log2(bytes))));
    if (old !== undefined) grown.set(old);
    this.#first = undefined;
    this.#whole = grown;
    return grown;
  }
}

const leastBytes = 1024;
