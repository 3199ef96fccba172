import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from "undici";
import type { Variables } from "../core/child-environment.ts";
import type { Limits } from "../core/limits.ts";
import { isLoopbackHost } from "../core/loopback.ts";
import { SourceFailure, sourceFailure, type OpenedSource, type Source, type SourceRange } from "./source.ts";

/** A URL that holds the file. */
export interface HttpSourceOptions {
  readonly label: string;
  readonly url: URL;
  readonly isTrusted: boolean;
  readonly client: HttpClient;
  /** Page where a person accepts the model's terms; empty where there is none. */
  readonly termsUrl?: string | undefined;
}

/** Connections for pulls: through the proxy of the environment, except to this machine itself. */
export interface HttpClient {
  readonly dispatcherOf: (url: URL) => Dispatcher;
  /** The hub's token, for no other origin than its own. */
  readonly token: { readonly origin: string; readonly value: string } | undefined;
  close(): Promise<void>;
}

type Response = Dispatcher.ResponseData;
type Headers = Response["headers"];

const maxHops = 5;

/** What connections for pulls need. */
export interface HttpClientOptions {
  readonly limits: Limits;
  readonly token: HttpClient["token"];
  /** Of this process: they name the proxy. */
  readonly variables: Variables;
}

/** Makes the connections for pulls. */
export function httpClient({ limits, token, variables }: HttpClientOptions): HttpClient {
  const connect = { timeout: limits.pullConnectMs };
  const options = { connect, headersTimeout: limits.pullConnectMs, bodyTimeout: limits.pullIdleMs };
  const direct = new Agent(options);
  const proxied = new EnvHttpProxyAgent({ ...options, ...proxiesIn(variables), proxyTls: connect, requestTls: connect });
  return {
    token,
    dispatcherOf: (url) => (isLoopbackHost(url.hostname) ? direct : proxied),
    close: async () => {
      await Promise.all([direct.destroy(), proxied.destroy()]);
    },
  };
}

/** The proxies that variables name; what is left out here, undici would look for in the process itself. */
function proxiesIn(variables: Variables): { httpProxy: string; httpsProxy: string; noProxy: string } {
  const valueOf = (name: string) => variables[name] ?? variables[name.toUpperCase()] ?? "";
  return { httpProxy: valueOf("http_proxy"), httpsProxy: valueOf("https_proxy"), noProxy: valueOf("no_proxy") };
}

/** A source behind a URL: https, or http on this machine. Follows redirects, and gives the hub's token to the hub alone. */
export function httpSource(options: HttpSourceOptions): Source {
  const { label, isTrusted } = options;
  return {
    label,
    isTrusted,
    async open(range, signal) {
      const { response, told } = await follow(options, range, signal).catch((error: unknown) => {
        throw sourceFailure(error);
      });
      return opened(response, told, range);
    },
  };
}

/** Whether a URL may be asked at all: https, or http where both it and what led to it are this machine. */
export function isAllowedUrl(url: URL, from: URL = url): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname) && isLoopbackHost(from.hostname));
}

/** What the hub says of a file beside its redirect: it knows the size and hash of what another host will send. */
interface Told {
  readonly sha256: string | undefined;
  readonly sizeBytes: number | undefined;
}

async function follow(options: HttpSourceOptions, range: SourceRange, signal: AbortSignal): Promise<{ response: Response; told: Told }> {
  let url = options.url;
  let told: Told = { sha256: undefined, sizeBytes: undefined };
  for (let hop = 0; hop <= maxHops; hop++) {
    if (!isAllowedUrl(url, options.url)) throw new SourceFailure(`leads to ${url.origin}, which is not https`);
    const isFirstHost = url.origin === options.url.origin;
    const headers = headersOf(url, range, options.client);
    const response = await request(url, { headers, signal, dispatcher: options.client.dispatcherOf(url) });
    if (isFirstHost) told = toldBy(response.headers, told);
    const next = nextUrl(response, url);
    if (next === undefined && response.statusCode !== 200 && response.statusCode !== 206)
      refuse(response, range, { ...options, termsUrl: isFirstHost ? options.termsUrl : undefined });
    if (next === undefined) return { response, told };
    drop(response.body);
    url = next;
  }
  throw new SourceFailure(`redirects more than ${maxHops} times`);
}

/** Where a redirect leads; undefined for any other answer. */
function nextUrl({ statusCode, headers }: Response, url: URL): URL | undefined {
  const location = headerOf(headers, "location");
  if (statusCode < 300 || statusCode >= 400 || location === undefined) return undefined;
  return URL.parse(location, url.href) ?? undefined;
}

function headersOf(url: URL, { offset, validator }: SourceRange, { token }: HttpClient): Record<string, string> {
  const headers: Record<string, string> = { "user-agent": "parley", "accept-encoding": "identity" };
  if (offset > 0) headers["range"] = `bytes=${offset}-`;
  if (offset > 0 && validator !== undefined) headers["if-range"] = validator;
  if (token !== undefined && url.origin === token.origin) headers["authorization"] = `Bearer ${token.value}`;
  return headers;
}

function toldBy(headers: Headers, before: Told): Told {
  const etag = headerOf(headers, "x-linked-etag")?.match(/^"?([0-9a-f]{64})"?$/)?.[1];
  return { sha256: etag ?? before.sha256, sizeBytes: sizeOf(headerOf(headers, "x-linked-size")) ?? before.sizeBytes };
}

function opened(response: Response, told: Told, range: SourceRange): OpenedSource {
  const { statusCode, headers, body } = response;
  const isRange = statusCode === 206;
  const totalBytes = totalOf(response, range);
  if ((headerOf(headers, "content-encoding") ?? "identity") !== "identity") throw left(body, "sends the file encoded");
  if ((told.sizeBytes ?? totalBytes) !== (totalBytes ?? told.sizeBytes))
    throw left(body, `sends ${totalBytes} bytes where the hub says ${told.sizeBytes}`);
  return {
    offset: isRange ? range.offset : 0,
    totalBytes: totalBytes ?? told.sizeBytes,
    sha256: told.sha256,
    validator: strongEtag(headers),
    bytes: body,
    close: async () => drop(body),
  };
}

function totalOf({ statusCode, headers, body }: Response, range: SourceRange): number | undefined {
  if (statusCode !== 206) return sizeOf(headerOf(headers, "content-length"));
  const [, start, total] = headerOf(headers, "content-range")?.match(/^bytes (\d+)-\d+\/(\d+)$/) ?? [];
  if (Number(start) !== range.offset) throw left(body, "answers with other bytes than those it was asked for");
  return sizeOf(total);
}

/** A weak one may not be used with If-Range. */
function strongEtag(headers: Headers): string | undefined {
  const etag = headerOf(headers, "etag");
  return etag === undefined || etag.startsWith("W/") ? undefined : etag;
}

/** Closes the connection of a body that is not wanted to its end. */
function drop(body: Response["body"]): void {
  // Leaving a body early is an error to the body, and to nobody else.
  body.on("error", () => {});
  body.destroy();
}

function left(body: Response["body"], problem: string): SourceFailure {
  drop(body);
  return new SourceFailure(problem);
}

function refuse(response: Response, range: SourceRange, { termsUrl = "", client, url }: HttpSourceOptions): never {
  const { statusCode } = response;
  drop(response.body);
  if (statusCode === 416 && range.offset > 0) throw new SourceFailure("has fewer bytes than are here already", { isCorrupt: true });
  if (statusCode !== 401 && statusCode !== 403) throw new SourceFailure(statusProblem(statusCode));
  if (termsUrl === "") throw new SourceFailure(`refuses access (${statusCode})`);
  const hasToken = client.token?.origin === url.origin;
  const advice = hasToken ? "with an account that HF_TOKEN belongs to" : "and set HF_TOKEN to a token of your account";
  throw new SourceFailure(`refuses access (${statusCode}): accept the model's terms on ${termsUrl} ${advice}, or check the name`);
}

function statusProblem(status: number): string {
  if (status === 404 || status === 410) return `has no such file (${status})`;
  if (status === 429) return "asks to come back later (429)";
  return `answers with status ${status}`;
}

function sizeOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
