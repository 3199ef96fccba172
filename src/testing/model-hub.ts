import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on this machine that plays the model hub, or a mirror. */
export interface ModelHub {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  /** Every request so far. */
  readonly requests: readonly IncomingMessage[];
  close(): Promise<void>;
}

/** How a file is sent. */
export interface SendOptions {
  /** Names the bytes; default: their hash. */
  readonly etag?: string;
  /** Breaks the connection off after so many bytes of this answer. */
  readonly cutAfter?: number;
  /** Whether Range is heeded; default true. */
  readonly ranges?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts a hub that answers as the listener says. */
export async function startModelHub(listener: (exchange: Exchange) => void): Promise<ModelHub> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    listener({ request, response });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A request and where its answer goes. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Sends a file, or the part of it that was asked for, as the hub's storage does. */
export function sendModel({ request, response }: Exchange, bytes: Buffer, options: SendOptions = {}): void {
  const etag = options.etag ?? `"${sha256Of(bytes)}"`;
  const start = options.ranges === false ? 0 : startOf(request, etag);
  if (start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  const range = start > 0 ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(start > 0 ? 206 : 200, { ...options.headers, ...range, etag, "content-length": body.length });
  if (options.cutAfter === undefined) response.end(body);
  else response.write(body.subarray(0, options.cutAfter), () => response.destroy());
}

function startOf({ headers }: IncomingMessage, etag: string): number {
  const isSame = headers["if-range"] === undefined || headers["if-range"] === etag;
  return isSame ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0) : 0;
}

/** What the hub says of a large file beside its redirect to the storage. */
export function linkedHeaders(bytes: Buffer): Record<string, string> {
  return { "x-linked-size": String(bytes.length), "x-linked-etag": `"${sha256Of(bytes)}"` };
}

/** Lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
