import { lookup as lookupName } from "node:dns/promises";
import type { LookupAddress, LookupOptions } from "node:dns";
import { Agent, type Dispatcher } from "undici";
import type { Limits } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import { isPublicAddress } from "./public-address.ts";

/** Why a medium was not fetched; its message is for the caller, and tells nothing of what is where in the network. */
export class FetchProblem extends Error {}

/** What was fetched. */
export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In lower case, without parameters. */
  readonly contentType: string;
}

/** Fetches one medium of at most so many bytes. Throws a FetchProblem, or why the signal was aborted. */
export type Fetch = (url: string, options: { readonly mostBytes: number; readonly signal: AbortSignal }) => Promise<Fetched>;

/** What it needs; all but the first two have defaults that are right outside of tests. */
export interface FetcherOptions {
  readonly limits: Pick<Limits, "mediaMs" | "maxHeaderBytes">;
  readonly clock: Clock;
  /** The addresses of a name. */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
  /** Whether an address may be dialled. */
  readonly isAllowed?: (address: string) => boolean;
}

/** One sentence for all that keeps a host from answering: a caller who is told which learns where things are. */
const unreachable = "cannot be fetched: its host does not answer";

/**
 * Fetches by GET over TLS, without redirects, proxies, cookies or credentials. A name is resolved once, by whoever dials: each of its addresses is
 * looked at, and the connection goes to one that was; nothing is asked again in between, so a name that changes its mind changes nothing.
 */
export function mediaFetcher({ limits, clock, resolve = addressesOf, isAllowed = isPublicAddress }: FetcherOptions): Fetch {
  const lookup = lookupBy(resolve, isAllowed);
  return async function fetchMedium(url, { mostBytes, signal }) {
    // One for each: no connection is left behind that another caller's URL could reach.
    const agent = new Agent({ connect: { lookup, timeout: limits.mediaMs }, allowH2: false, maxHeaderSize: limits.maxHeaderBytes });
    const late = new AbortController();
    const stop = clock.after(limits.mediaMs, () => late.abort(new FetchProblem(`took longer than limits.mediaMs, ${limits.mediaMs} ms`)));
    const joined = AbortSignal.any([signal, late.signal]);
    try {
      return await get(url, { agent, mostBytes, signal: joined });
    } catch (error) {
      if (joined.aborted) throw joined.reason;
      throw error instanceof FetchProblem ? error : new FetchProblem(unreachable, { cause: error });
    } finally {
      stop();
      await agent.destroy();
    }
  };
}

interface Get {
  readonly agent: Agent;
  readonly mostBytes: number;
  readonly signal: AbortSignal;
}

async function get(url: string, { agent, mostBytes, signal }: Get): Promise<Fetched> {
  const { origin, pathname, search } = new URL(url);
  const { statusCode, headers, body } = await agent.request({
    ...{ origin, path: pathname + search, method: "GET", signal },
    headers: { accept: "*/*", "accept-encoding": "identity", "user-agent": "parley" },
  });
  body.on("error", () => {});
  if (statusCode >= 300 && statusCode < 400)
    throw new FetchProblem("cannot be fetched: its host answers with a redirect, and none is followed");
  if (statusCode !== 200) throw new FetchProblem(`cannot be fetched: its host answers with status ${statusCode}`);
  if ((headers["content-encoding"] ?? "identity") !== "identity") throw new FetchProblem("cannot be fetched: its host sends it compressed");
  return { bytes: await read(body, Number(headers["content-length"] ?? 0), mostBytes), contentType: typeOf(headers["content-type"]) };
}

async function read(body: Dispatcher.ResponseData["body"], announced: number, mostBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new FetchProblem(`is larger than limits.maxMediaBytes leaves for it, ${mostBytes} bytes`);
  if (announced > mostBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) throw tooLarge();
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function typeOf(contentType: string | string[] | undefined): string {
  const [type = ""] = (typeof contentType === "string" ? contentType : "").split(";");
  return type.trim().toLowerCase();
}

/** A callback of `lookup`, in both of its forms. */
type Looked = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves a name for whoever dials, and fails where any of its addresses may not be dialled. */
function lookupBy(resolve: NonNullable<FetcherOptions["resolve"]>, isAllowed: (address: string) => boolean) {
  return (hostname: string, options: LookupOptions, looked: Looked): void => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) return looked(new FetchProblem(unreachable), "");
        if (options.all === true) looked(null, [...addresses]);
        else looked(null, first.address, first.family);
      },
      (error: Error) => looked(error, ""),
    );
  };
}

function addressesOf(hostname: string): Promise<LookupAddress[]> {
  return lookupName(hostname, { all: true });
}
