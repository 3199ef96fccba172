import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { Code } from "@connectrpc/connect";
import type { Limits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { withCode } from "../rpc/with-code.ts";
import { tooLarge, type Framed } from "./request-message.ts";

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Smaller messages are sent as they are: the bytes that gzip would save cost more than they are worth. */
export const leastCompressedBytes = 1024;

/** How the messages of a call may be compressed. */
export interface Encodings {
  /** Whether those of the request may be. */
  readonly request: "gzip" | "identity";
  /** Whether those of the answer may be: the client takes it. */
  readonly response: "gzip" | "identity";
}

const none: Encodings = { request: "identity", response: "identity" };

/** What a call's headers say of compression; undefined where its request is compressed as this door does not know. */
export function encodingsOf(headers: IncomingHttpHeaders): Encodings | undefined {
  const request = headers["grpc-encoding"];
  const accepted = headers["grpc-accept-encoding"];
  if (request === undefined && accepted === undefined) return none;
  if (request !== undefined && request !== "gzip" && request !== "identity") return undefined;
  // A client that says nothing takes what it sends.
  const names = typeof accepted === "string" ? accepted.split(",") : [request];
  return { request: request ?? "identity", response: names.some((name) => name?.trim() === "gzip") ? "gzip" : "identity" };
}

/** The bytes of a request's message. Throws when they are no gzip, or more than the limit. */
export async function plain({ bytes }: Framed, { request }: Encodings, limits: Pick<Limits, "maxBodyBytes">): Promise<Uint8Array> {
  if (request === "identity") throw unnamed();
  try {
    return await decompress(bytes, { maxOutputLength: limits.maxBodyBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(limits);
    throw fault("malformed_body", "a message that should be gzip is none", { cause: error });
  }
}

/** gRPC lays down the code. */
function unnamed() {
  return withCode(fault("malformed_body", "received a compressed message, and grpc-encoding names no compression"), Code.Internal);
}

/** The bytes of an answer's message, compressed. */
export function gzipped(bytes: Uint8Array): Promise<Uint8Array> {
  return compress(bytes);
}
