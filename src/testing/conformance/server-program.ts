import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
  type ServerCompatRequest,
} from "../../../gen/connectrpc/conformance/v1/server_compat_pb.ts";
import { ConformanceService } from "../../../gen/connectrpc/conformance/v1/service_pb.ts";
import type { TlsSettings } from "../../api/tls-front.ts";
import { loadConfig } from "../../config.ts";
import { startServer } from "../../service.ts";
import { conformanceService } from "./service.ts";

/*
 * The program that the Connect conformance suite starts, once for each kind of server it wants: a whole Parley with the suite's service mounted beside its own.
 * It reads what is wanted from standard input, says on standard output where it listens, and ends when it is told to.
 */

/** Each message has its length before it, in so many bytes. */
const lengthBytes = 4;

const asked = fromBinary(ServerCompatRequestSchema, await readMessage());
const folder = mkdtempSync(join(tmpdir(), "parley-conformance-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const loaded = loadConfig({
  environment: { LLM_PORT: "0", LLM_DEFAULT_PROVIDER: "echo", LLM_MODELS_DIR: folder, LLM_DATA_DIR: folder },
});
const { messageReceiveLimit } = asked;
const limits = messageReceiveLimit === 0 ? loaded.limits : { ...loaded.limits, maxBodyBytes: messageReceiveLimit };
const tls = tlsOf(asked);
const server = await startServer(
  { ...loaded, limits },
  {
    // The suite has errors thrown on purpose; it says itself what is wrong.
    log: { debug() {}, info() {}, warn() {}, error() {} },
    routes: (router) => void router.service(ConformanceService, conformanceService),
    // The suite counts the details of each error.
    errorDetails: false,
    tls,
  },
);
process.once("SIGTERM", () => void server.close().then(() => process.exit(0)));
const answer = create(ServerCompatResponseSchema, { host: server.host, port: server.port });
if (tls !== undefined) answer.pemCert = Buffer.from(tls.certificate);
const words = toBinary(ServerCompatResponseSchema, answer);
const head = Buffer.alloc(lengthBytes);
head.writeUInt32BE(words.length);
process.stdout.write(Buffer.concat([head, words]));

function tlsOf({ useTls, serverCreds, clientTlsCert }: ServerCompatRequest): TlsSettings | undefined {
  if (!useTls || serverCreds === undefined) return undefined;
  return {
    key: text(serverCreds.key),
    certificate: text(serverCreds.cert),
    clientAuthority: clientTlsCert.length === 0 ? undefined : text(clientTlsCert),
  };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("utf8");
}

/** The first message of standard input, which may stay open. */
async function readMessage(): Promise<Uint8Array> {
  let read = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    read = Buffer.concat([read, chunk as Buffer]);
    if (read.length < lengthBytes) continue;
    const end = lengthBytes + read.readUInt32BE(0);
    if (read.length >= end) return read.subarray(lengthBytes, end);
  }
  throw new Error("standard input ended before what is wanted was read");
}
