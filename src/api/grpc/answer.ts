import type { ServerHttp2Stream } from "node:http2";
import { frameHeadBytes } from "./request-message.ts";
import type { Encode } from "./encoder.ts";
import type { NativeMethod } from "./methods.ts";
import { Wire } from "./wire.ts";

/** So much is gathered before it is sent, bytes; a stream whose client is slow holds no more than that beside its last message. */
const mostGatheredBytes = 16 * 1024;

/** Turns what a message takes into what is sent of it. */
export type Compress = (bytes: Uint8Array) => Promise<Uint8Array>;

/** The messages of an answer on their way out. What is ready together leaves in one write, when the turn of the event loop has nothing more to say; a lone message leaves in that same turn. */
export class Answer {
  readonly #stream: ServerHttp2Stream;
  readonly #encode: Encode;
  /** Whether more messages may follow one: then it is sent before the end. */
  readonly #isStream: boolean;
  readonly #wire = new Wire();
  readonly #flush = () => {
    if (this.#wire.at > 0 && this.#stream.writable && !this.#stream.write(this.#wire.take())) this.#wire.release();
  };

  constructor(stream: ServerHttp2Stream, { encode, answer }: Pick<NativeMethod, "encode" | "answer">) {
    this.#stream = stream;
    this.#encode = encode;
    this.#isStream = answer.kind === "server_streaming";
  }

  /** Takes a message; answers with where it begins, and how long it is. */
  add(message: object): Added {
    const wire = this.#wire;
    const from = wire.at;
    if (from === 0 && this.#isStream) process.nextTick(this.#flush);
    wire.ensure(frameHeadBytes);
    wire.at += frameHeadBytes;
    try {
      this.#encode(wire, message);
    } catch (error) {
      // What came before it is whole.
      wire.at = from;
      throw error;
    }
    const length = wire.at - from - frameHeadBytes;
    this.#head(from, length, 0);
    return { from, length };
  }

  /** Compresses the message that was added last. What came before it is sent meanwhile. */
  async compress({ from, length }: Added, compress: Compress): Promise<void> {
    const wire = this.#wire;
    const compressed = compress(Buffer.from(wire.bytes.subarray(from + frameHeadBytes, from + frameHeadBytes + length)));
    wire.at = from;
    const bytes = await compressed;
    if (wire.at === 0) process.nextTick(this.#flush);
    const start = wire.at;
    wire.ensure(frameHeadBytes);
    wire.at += frameHeadBytes;
    wire.raw(bytes);
    this.#head(start, bytes.length, 1);
  }

  /** Sends what there is once it is much. Answers whether the client is slower than we are: then what comes next has to wait. */
  isFull(): boolean {
    if (this.#wire.at >= mostGatheredBytes) this.#flush();
    return this.#stream.writableNeedDrain;
  }

  /** Sends what is left, and ends the answer. */
  end(): void {
    if (this.#wire.at > 0) this.#stream.end(this.#wire.take());
    else this.#stream.end();
  }

  #head(from: number, length: number, flags: number): void {
    this.#wire.bytes[from] = flags;
    this.#wire.bytes.writeUInt32BE(length, from + 1);
  }
}

/** A message among those that are gathered. */
export interface Added {
  readonly from: number;
  readonly length: number;
}
