import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Transform } from "node:stream";
import { GatheredBytes } from "../../core/gathered-bytes.ts";
import { limitFault, type Limits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import { abortFault } from "../../core/signals.ts";
import type { Exchange } from "../exchange.ts";
import { inviteBody } from "../invite.ts";
import { parseJson } from "./json.ts";

/** Reads and parses a JSON body, decompressed. Throws `malformed_body`, `body_too_large`, `unsupported_media_type`, and why the call was aborted. */
export async function readJson(exchange: Exchange, limits: Limits): Promise<unknown> {
  const { request, call } = exchange;
  checkType(request.headers["content-type"]);
  const decoder = decoderOf(request.headers["content-encoding"]);
  const declared = Number(request.headers["content-length"] ?? 0);
  if (declared > limits.maxBodyBytes) throw tooLarge(limits);
  inviteBody(exchange);
  const source = decoder === undefined ? request : request.pipe(decoder);
  const bytes = await readAll(source as NodeJS.ReadableStream & { destroy(): void }, request, { limit: limits, signal: call.signal });
  return parseJson(textOf(bytes), limits);
}

/**
 * A body is read as JSON whatever its type says, for clients are careless: curl calls it a form unless it is told. A type keeps no page out, for pages may send text
 * without asking; their origin does. Forms of several parts are never JSON, and other charsets than UTF-8 are not read.
 */
function checkType(contentType: string | undefined): void {
  if (contentType === undefined || contentType === "application/json") return;
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  const charset = parameters.map((parameter) => /^\s*charset="?([^"\s]+)"?\s*$/.exec(parameter)?.[1]).find((found) => found !== undefined);
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8" && charset !== "us-ascii")
    throw fault("unsupported_media_type", `charset ${JSON.stringify(charset.slice(0, 64))} is not known here; send UTF-8`);
  if (!type.trim().startsWith("multipart/")) return;
  throw fault("unsupported_media_type", `content-type ${JSON.stringify(type.slice(0, 128))} is not JSON; send application/json`);
}

function decoderOf(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case "":
    case "identity":
      return undefined;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      throw fault("unsupported_media_type", `content-encoding ${JSON.stringify(encoding?.slice(0, 64))} is not one of gzip, deflate, br`);
  }
}

/** Gathers bytes by events rather than by iteration, which would destroy the connection when it ends early. */
function readAll(
  source: NodeJS.ReadableStream & { destroy(): void },
  request: Exchange["request"],
  { limit, signal }: { readonly limit: Limits; readonly signal: AbortSignal },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const gathered = new GatheredBytes();
    const settle = (then: () => void) => {
      source.off("data", onData).off("end", onEnd).off("error", onError);
      signal.removeEventListener("abort", onAbort);
      then();
    };
    const fail = (error: Error) =>
      settle(() => {
        if (source !== request) {
          request.unpipe();
          source.on("error", () => {});
          source.destroy();
        }
        // The rest is read and thrown away, so that a client which is still writing gets to read the answer.
        request.resume();
        reject(error);
      });
    const onData = (chunk: Buffer) => {
      if (gathered.length + chunk.length > limit.maxBodyBytes) return fail(tooLarge(limit));
      gathered.push(chunk);
    };
    const onEnd = () => settle(() => resolve(gathered.joined()));
    const onError = (error: Error) => fail(fault("malformed_body", "the body is not what its content-encoding says", { cause: error }));
    const onAbort = () => fail(abortFault(signal));
    if (signal.aborted) return onAbort();
    source.on("data", onData).on("end", onEnd).on("error", onError);
    signal.addEventListener("abort", onAbort);
  });
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw fault("malformed_body", "the body is not UTF-8", { cause: error });
  }
}

function tooLarge(limits: Limits) {
  return limitFault("maxBodyBytes", `the body is larger than limits.maxBodyBytes, ${limits.maxBodyBytes} bytes`);
}
