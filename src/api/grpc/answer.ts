import type { ServerHttp2Stream } from "node:http2";
import { frameHeadBytes } from "./request-message.ts";

/** So much is gathered before it is sent, bytes; a stream whose client is slow holds no more than that beside its last message. */
const mostGatheredBytes = 16 * 1024;

/** The messages of an answer on their way out. What is ready together leaves in one write, when the turn of the event loop has nothing more to say; a lone message leaves in that same turn. */
export class Answer {
  readonly #stream: ServerHttp2Stream;
  #gathered: Uint8Array[] = [];
  #bytes = 0;
  #isCompressed: boolean[] | undefined;
  readonly #flush = () => {
    if (this.#gathered.length > 0 && this.#stream.writable) this.#stream.write(this.#take());
  };

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  /** Takes a message. */
  add(message: Uint8Array, isCompressed: boolean): void {
    if (this.#gathered.length === 0) process.nextTick(this.#flush);
    if (isCompressed) (this.#isCompressed ??= [])[this.#gathered.length] = true;
    this.#gathered.push(message);
    this.#bytes += frameHeadBytes + message.length;
    if (this.#bytes >= mostGatheredBytes) this.#flush();
  }

  /** Whether the client is slower than we are: what comes next has to wait. */
  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** Sends what is left, and ends the answer. */
  end(): void {
    if (this.#gathered.length > 0) this.#stream.end(this.#take());
    else this.#stream.end();
  }

  #take(): Buffer {
    const chunk = Buffer.allocUnsafe(this.#bytes);
    let at = 0;
    for (const [index, message] of this.#gathered.entries()) {
      chunk[at] = this.#isCompressed?.[index] === true ? 1 : 0;
      chunk.writeUInt32BE(message.length, at + 1);
      chunk.set(message, at + frameHeadBytes);
      at += frameHeadBytes + message.length;
    }
    this.#gathered = [];
    this.#bytes = 0;
    this.#isCompressed = undefined;
    return chunk;
  }
}
