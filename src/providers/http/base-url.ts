import { fault } from "../../core/reasons.ts";
import type { UpstreamKind, UpstreamSettings } from "../../core/upstreams.ts";

/** Where an upstream is, and how its paths begin. */
export interface BaseUrl {
  readonly origin: URL;
  /** The whole path of one of a dialect's. */
  readonly path: (below: string) => string;
}

/** APIs whose paths have no version. */
const unversioned: ReadonlySet<UpstreamKind> = new Set(["ollama", "raw"]);

const version = /^v\d+[a-z0-9.]*$/u;

/**
 * Reads a base URL, with or without the version that an API's paths begin with: `https://host`, `https://host/v1` and `https://host/prefix/v1beta/openai` all work.
 * A version in the base stands for the dialect's; a host alone gets `/v1`, where the API has versions; a path without one is taken as it is.
 * Throws `invalid_request` for what is no http URL, or has a query or credentials.
 */
export function parseBaseUrl({ baseUrl, name, kind }: Pick<UpstreamSettings, "baseUrl" | "name" | "kind">): BaseUrl {
  const url = URL.parse(baseUrl);
  const at = `upstreams.${name}.baseUrl`;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw fault("invalid_request", `${at}: must be an http or https URL`);
  if (url.username !== "" || url.password !== "")
    throw fault("invalid_request", `${at}: must hold no user or password; keys go to apiKeys`);
  if (url.search !== "" || url.hash !== "") throw fault("invalid_request", `${at}: must have no query or fragment`);
  const prefix = url.pathname.replace(/\/+$/u, "");
  const segments = prefix.split("/").slice(1);
  const hasVersion = segments.some((segment) => version.test(segment));
  return {
    origin: new URL(url.origin),
    path(below) {
      const [, first = "", ...rest] = below.split("/");
      const isVersioned = version.test(first);
      const isThere = isVersioned ? hasVersion : segments.at(-1) === first;
      const missing = prefix === "" && !isVersioned && !unversioned.has(kind) ? "/v1" : "";
      return prefix + missing + (isThere ? `/${rest.join("/")}` : below);
    },
  };
}
