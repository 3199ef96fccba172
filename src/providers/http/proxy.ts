import { BlockList, isIP } from "node:net";
import { isLoopbackHost } from "../../core/loopback.ts";
import { fault } from "../../core/reasons.ts";
import type { Secret } from "../../core/secret.ts";
import type { ProxySettings } from "../../core/upstreams.ts";

/** How an upstream is reached. */
export interface Way {
  /** Where the upstream is. */
  readonly origin: URL;
  /** Through what; undefined: straight. */
  readonly proxy: ProxyAddress | undefined;
}

/** A proxy, without the credentials in its URL. */
export interface ProxyAddress {
  readonly origin: URL;
  /** Of `proxy-authorization`; undefined: it wants none. */
  readonly authorization: string | undefined;
}

/**
 * The way to an upstream: through the proxy of its scheme, unless `none` lists its host or it is this machine.
 * Throws `invalid_request` when that proxy's URL is none of http or https; never tells the URL, which may hold a password.
 */
export function wayTo(origin: URL, { http, https, none }: ProxySettings): Way {
  const isHttps = origin.protocol === "https:";
  const proxy = isHttps ? https : http;
  if (proxy === undefined || isLoopbackHost(origin.hostname) || isListed(origin, none ?? "")) return { origin, proxy: undefined };
  return { origin, proxy: addressOf(proxy, isHttps ? "HTTPS_PROXY" : "HTTP_PROXY") };
}

function addressOf(proxy: Secret, variable: string): ProxyAddress {
  const text = proxy.reveal();
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw fault("invalid_request", `${variable}: must be the URL of an http or https proxy`);
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  const authorization = credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
  return { origin: new URL(url.origin), authorization };
}

/** A percent-encoded text; as it is where its encoding is wrong. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a list as `NO_PROXY` has it names the host: by name, by a domain above it, by address or network, each with or without a port; `*` names all. */
function isListed(origin: URL, list: string): boolean {
  const host = bare(origin.hostname);
  const port = origin.port === "" ? (origin.protocol === "https:" ? "443" : "80") : origin.port;
  return list
    .split(/[,\s]+/u)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [name, only] = splitPort(entry.toLowerCase());
      return (only === undefined || only === port) && names(name, host);
    });
}

/** The port of an entry stands behind its only colon, or behind brackets. */
function splitPort(entry: string): readonly [name: string, port: string | undefined] {
  const match = /^(\[[^\]]*\]|[^:]*):(\d+)$/u.exec(entry);
  return match === null ? [entry, undefined] : [match[1] ?? "", match[2]];
}

function names(entry: string, host: string): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return isInNetwork(entry, host);
  const name = bare(entry).replace(/^\*?\./u, "");
  return name !== "" && ((host === name && !entry.startsWith("*.")) || host.endsWith(`.${name}`));
}

function isInNetwork(network: string, host: string): boolean {
  const [address = "", bits = ""] = network.split("/");
  const version = isIP(bare(address));
  if (version === 0 || isIP(host) !== version || !/^\d{1,3}$/u.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(bare(address), Number(bits), family);
  return list.check(host, family);
}

/** A host without brackets or the dot that ends a full name. */
function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/u, "$1")
    .replace(/(.)\.$/u, "$1");
}
