import type { ConnectError } from "@connectrpc/connect";
import { GatheredBytes } from "../../core/gathered-bytes.ts";
import { limitFault } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { withoutKey } from "../../core/secret.ts";
import type { Body } from "./exchange.ts";

/** What a body needs that is read as one JSON text. */
export interface WholeBodyOptions {
  readonly provider: string;
  readonly maxBytes: number;
  /** Whether HTTP says how long it is: then its end is seen, and not guessed. */
  readonly isLengthKnown: boolean;
  /** The value of its text; undefined: it is no JSON. */
  readonly parse: (text: string) => unknown;
  /** What becomes of it; may throw. */
  readonly read: (value: unknown) => void;
}

/** How often a body of unknown length is looked at where it may have come to its end: each look parses it. */
const mostLooks = 4;
const closingBrace = 0x7d;

/** A body that is one JSON text, with blanks around it where an upstream keeps the connection alive with them. */
export function wholeBody(options: WholeBodyOptions): Body {
  return new WholeBody(options);
}

// Classes rather than literals: V8 makes a hidden class of its own for each literal with a getter, which nothing but a full collection frees, and all that the getter can see with it.
class WholeBody implements Body {
  readonly #options: WholeBodyOptions;
  readonly #gathered = new GatheredBytes();
  #looks = 0;
  /** Of a body that looks whole; kept, so that none is parsed twice. */
  #value: unknown;

  constructor(options: WholeBodyOptions) {
    this.#options = options;
  }

  get isWhole(): boolean {
    return this.#value !== undefined;
  }

  write(chunk: Buffer): void {
    const { provider, maxBytes, isLengthKnown, parse } = this.#options;
    if (this.#gathered.length + chunk.length > maxBytes)
      throw limitFault("maxUpstreamBodyBytes", `${provider} sent an answer of more than ${maxBytes} bytes`, { provider });
    this.#gathered.push(chunk);
    this.#value = undefined;
    if (!isLengthKnown && chunk.at(-1) === closingBrace && this.#looks++ < mostLooks) this.#value = parse(textOf(this.#gathered));
  }

  end(isCut: boolean): void {
    const { provider, read, parse } = this.#options;
    const value = this.#value ?? parse(textOf(this.#gathered));
    // A JSON text that is whole cannot go on: the connection may break behind it.
    if (value === undefined) throw unreadable(isCut, this.#gathered.length, provider);
    read(value);
  }
}

function unreadable(isCut: boolean, bytes: number, provider: string): ConnectError {
  if (isCut) return fault("provider_truncated", `the answer of ${provider} broke off after ${bytes} bytes`, { provider });
  return fault("provider_malformed", `the answer of ${provider} is no JSON`, { provider });
}

/** A body of an answer that is no success: as much as says what is wrong, and no longer than that takes. Where it repeats the key it is read without. */
export function errorBody(read: (text: string) => ConnectError, key: string | undefined): Body {
  return new ErrorBody(read, key);
}

class ErrorBody implements Body {
  readonly isWhole = false;
  readonly mostMs = mostErrorMs;
  readonly #read: (text: string) => ConnectError;
  readonly #key: string | undefined;
  readonly #gathered = new GatheredBytes();

  constructor(read: (text: string) => ConnectError, key: string | undefined) {
    this.#read = read;
    this.#key = key;
  }

  get isEnough(): boolean {
    return this.#gathered.length >= mostErrorBytes;
  }

  write(chunk: Buffer): void {
    this.#gathered.push(chunk.subarray(0, Math.max(0, mostErrorBytes - this.#gathered.length)));
  }

  end(): void {
    const text = textOf(this.#gathered);
    throw this.#read(withoutKey(text, this.#key));
  }
}

const mostErrorBytes = 64 * 1024;
const mostErrorMs = 5000;

/** UTF-8, with or without a byte order mark. */
function textOf(gathered: GatheredBytes): string {
  const text = gathered.joined().toString();
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
