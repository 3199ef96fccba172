import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

// A key reads `pk_`, 43 digits to the base 62 that hold 256 random bits, and 6 that say whether the others are right: no `-` or `.` ends a double click.

const prefix = "pk_";
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretBytes = 32;
const secretDigits = 43;
const checkDigits = 6;

/** A new key. */
export function newKey(): string {
  const secret = inDigits(BigInt(`0x${randomBytes(secretBytes).toString("hex")}`), secretDigits);
  return `${prefix}${secret}${checkOf(secret)}`;
}

/** Whether a text looks like one of our keys and is none: a digit is missing or wrong. */
export function isBrokenKey(text: string): boolean {
  if (!text.startsWith(prefix)) return false;
  const secret = text.slice(prefix.length, prefix.length + secretDigits);
  return text.length !== prefix.length + secretDigits + checkDigits || text.slice(prefix.length + secretDigits) !== checkOf(secret);
}

function checkOf(secret: string): string {
  return inDigits(BigInt(crc32(secret)), checkDigits);
}

function inDigits(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`;
  return text;
}
