import { hash } from "node:crypto";

const blockBytes = 64;

/** Digests keys with a pepper: HMAC-SHA-256. Of two plain hashes, since making an Hmac object costs ten times the hashing. */
export type Digest = (key: string) => Buffer;

/** Makes it for a pepper of at most 64 bytes. */
export function digestWith(pepper: Uint8Array): Digest {
  const padded = Buffer.alloc(blockBytes);
  padded.set(pepper);
  const [inner, outer] = [padded.map((byte) => byte ^ 0x36), padded.map((byte) => byte ^ 0x5c)].map((bytes) => Buffer.from(bytes));
  return (key) => {
    const first = hash("sha256", Buffer.concat([inner ?? padded, Buffer.from(key)]), "buffer");
    return hash("sha256", Buffer.concat([outer ?? padded, first]), "buffer");
  };
}
