import { once } from "node:events";
import type { Transform } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import { boundedText } from "../../core/bounded-text.ts";
import { fault } from "../../core/reasons.ts";
import type { Body, ResponseHeaders, Wire } from "./exchange.ts";

/** What `accept-encoding` says where an answer comes whole. */
export const acceptedEncodings = "gzip, deflate, br, zstd";

// Streams are read while they are written: what is there is given out at each flush of the upstream, and an end that is missing is for HTTP to find.
const zlib = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const brotli = { flush: constants.BROTLI_OPERATION_FLUSH, finishFlush: constants.BROTLI_OPERATION_FLUSH };
const zstd = { flush: constants.ZSTD_e_flush, finishFlush: constants.ZSTD_e_flush };

const decoders: Readonly<Record<string, (first: Buffer) => Transform>> = {
  gzip: () => createGunzip(zlib),
  "x-gzip": () => createGunzip(zlib),
  // By the standard zlib's format, by some servers without its header.
  deflate: (first) => (((first[0] ?? 0) & 0x0f) === 8 ? createInflate(zlib) : createInflateRaw(zlib)),
  br: () => createBrotliDecompress(brotli),
  zstd: () => createZstdDecompress(zstd),
};

/** Where a body that is encoded comes from and goes to. */
export interface Encoded {
  readonly headers: ResponseHeaders;
  readonly wire: Pick<Wire<never>, "taken" | "fail">;
  readonly provider: string;
}

/** A body behind its content encoding. Throws `provider_malformed` for an unknown encoding and for chains of them, which cost much and nobody needs. */
export function decoded(body: Body, { headers, wire, provider }: Encoded): Body {
  const encoding = String(headers["content-encoding"] ?? "")
    .trim()
    .toLowerCase();
  if (encoding === "" || encoding === "identity") return body;
  const make = decoders[encoding];
  if (make === undefined)
    throw fault("provider_malformed", `${provider} sent its answer in the content encoding "${boundedText(encoding, 100)}"`, { provider });
  const fail = () => wire.fail(fault("provider_malformed", `${provider} sent an answer that cannot be decompressed`, { provider }));
  return new DecodedBody(body, { make, fail, wire });
}

interface Decoding {
  readonly make: (first: Buffer) => Transform;
  /** Says that the bytes are not what their encoding says. */
  readonly fail: () => void;
  readonly wire: Encoded["wire"];
}

class DecodedBody implements Body {
  readonly #inner: Body;
  readonly #decoding: Decoding;
  #decoder: Transform | undefined;

  constructor(inner: Body, decoding: Decoding) {
    this.#inner = inner;
    this.#decoding = decoding;
  }

  get isWhole(): boolean {
    return this.#inner.isWhole;
  }

  get isEnough(): boolean {
    return this.#inner.isEnough ?? false;
  }

  get hasEnded(): boolean {
    return this.#inner.hasEnded ?? false;
  }

  get mostMs(): number | undefined {
    return this.#inner.mostMs;
  }

  write(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#decoder ??= this.#begin(chunk);
    this.#decoder.write(chunk);
  }

  async end(isCut: boolean): Promise<void> {
    const decoder = this.#decoder;
    if (decoder !== undefined && !this.isEnough && !this.hasEnded) {
      decoder.end();
      await once(decoder, "end");
    }
    return this.#inner.end(isCut);
  }

  close(): void {
    this.#decoder?.destroy();
  }

  pause(): void {
    this.#decoder?.pause();
  }

  resume(): void {
    this.#decoder?.resume();
  }

  #begin(first: Buffer): Transform {
    const { make, fail, wire } = this.#decoding;
    const decoder = make(first);
    decoder.on("data", (chunk: Buffer) => {
      if (this.isEnough || this.hasEnded) return;
      try {
        this.#inner.write(chunk);
        wire.taken(chunk.length);
      } catch (error) {
        decoder.destroy();
        wire.fail(error);
      }
    });
    decoder.on("error", fail);
    return decoder;
  }
}
