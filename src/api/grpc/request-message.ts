import { Code } from "@connectrpc/connect";
import { GatheredBytes } from "../../core/gathered-bytes.ts";
import { limitFault, type Limits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { withCode } from "../rpc/with-code.ts";

/** Bytes before each message: whether it is compressed, and its length. */
export const frameHeadBytes = 5;

/** The flag of a message that is compressed. */
const compressed = 1;

/** A message as it came. */
export interface Framed {
  readonly isCompressed: boolean;
  readonly bytes: Uint8Array;
}

/** Gathers the one message of a request from the pieces of its body. */
export class RequestMessage {
  readonly #limits: Pick<Limits, "maxBodyBytes">;
  readonly #gathered = new GatheredBytes();
  /** Of the whole frame, once its head is there. */
  #frameBytes: number | undefined;

  constructor(limits: Pick<Limits, "maxBodyBytes">) {
    this.#limits = limits;
  }

  /** Takes a piece. Throws when the message is larger than it may be, or not the only one. */
  push(chunk: Buffer): void {
    this.#gathered.push(chunk);
    const { length } = this.#gathered;
    if (this.#frameBytes === undefined && length >= frameHeadBytes) this.#frameBytes = this.#readHead();
    if (this.#frameBytes !== undefined && length > this.#frameBytes) throw notOne("received extra input message");
  }

  /** The whole message. Throws when there is none, or the body ended within it. */
  take(): Framed {
    const frame = this.#gathered.joined();
    if (frame.length === 0) throw notOne("missing input message");
    if (frame.length !== this.#frameBytes) throw fault("malformed_body", "the body ended within a message");
    return { isCompressed: frame[0] === compressed, bytes: frame.subarray(frameHeadBytes) };
  }

  #readHead(): number {
    const head = this.#gathered.joined();
    const flags = head[0] ?? 0;
    if (flags > compressed) throw fault("malformed_body", `a message has the unknown flags ${flags}`);
    const length = head.readUInt32BE(1);
    const { maxBodyBytes } = this.#limits;
    if (length > maxBodyBytes) throw tooLarge(this.#limits);
    return frameHeadBytes + length;
  }
}

/** gRPC lays down the code: a method that takes another number of messages is another method. */
function notOne(problem: string) {
  return withCode(fault("malformed_body", `${problem}: this method takes one`), Code.Unimplemented);
}

/** Refuses a message, or what it decompresses to. */
export function tooLarge({ maxBodyBytes }: Pick<Limits, "maxBodyBytes">) {
  return limitFault("maxBodyBytes", `the message is larger than limits.maxBodyBytes, ${maxBodyBytes} bytes`);
}
