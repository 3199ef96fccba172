import { StringDecoder } from "node:string_decoder";
import type { ConnectError } from "@connectrpc/connect";
import { parsedJson } from "../../core/json.ts";
import { limitFault } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import type { Body } from "./exchange.ts";

/** What a body needs that is read as one JSON text. */
export interface WholeBodyOptions {
  readonly provider: string;
  readonly maxBytes: number;
  /** Whether HTTP says how long it is: then its end is seen, and not guessed. */
  readonly isLengthKnown: boolean;
  /** What becomes of it; may throw. */
  readonly read: (value: unknown) => void;
}

/** How often a body of unknown length is looked at where it may have come to its end: each look parses it. */
const mostLooks = 4;
const closingBrace = 0x7d;

/** A body that is one JSON text, with blanks around it where an upstream keeps the connection alive with them. */
export function wholeBody({ provider, maxBytes, isLengthKnown, read }: WholeBodyOptions): Body {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let looks = 0;
  /** Of a body that looks whole; kept, so that none is parsed twice. */
  let value: unknown;
  return {
    get isWhole() {
      return value !== undefined;
    },
    write(chunk) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw limitFault("maxUpstreamBodyBytes", `${provider} sent an answer of more than ${maxBytes} bytes`, { provider });
      chunks.push(chunk);
      value = undefined;
      if (!isLengthKnown && chunk.at(-1) === closingBrace && looks++ < mostLooks) value = parsedJson(textOf(chunks));
    },
    end(isCut) {
      value ??= parsedJson(textOf(chunks));
      // A JSON text that is whole cannot go on: the connection may break behind it.
      if (value === undefined) throw unreadable(isCut, bytes, provider);
      read(value);
    },
  };
}

function unreadable(isCut: boolean, bytes: number, provider: string): ConnectError {
  if (isCut) return fault("provider_truncated", `the answer of ${provider} broke off after ${bytes} bytes`, { provider });
  return fault("provider_malformed", `the answer of ${provider} is no JSON`, { provider });
}

/** A body of an answer that is no success: as much as says what is wrong, and no longer than that takes. Where it repeats the key it is read without. */
export function errorBody(read: (text: string) => ConnectError, key: string | undefined): Body {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    isWhole: false,
    mostMs: mostErrorMs,
    get isEnough() {
      return bytes >= mostErrorBytes;
    },
    write(chunk) {
      chunks.push(chunk.subarray(0, mostErrorBytes - bytes));
      bytes += chunk.length;
    },
    end() {
      const text = textOf(chunks);
      throw read(key === undefined || key === "" ? text : text.replaceAll(key, "***"));
    },
  };
}

const mostErrorBytes = 64 * 1024;
const mostErrorMs = 5000;

/** UTF-8, with or without a byte order mark. */
function textOf(chunks: readonly Buffer[]): string {
  const [first] = chunks;
  const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
  const text = new StringDecoder("utf8").end(whole);
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
