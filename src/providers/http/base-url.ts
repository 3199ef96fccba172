import { fault } from "../../core/reasons.ts";

/** Where an upstream is, and how its paths begin. */
export interface BaseUrl {
  readonly origin: URL;
  /** The whole path of one of a dialect's. */
  path(below: string): string;
}

const version = /^v\d+[a-z0-9.]*$/u;

/**
 * Reads a base URL, with or without the dialect's own beginning: `https://host`, `https://host/v1` and `https://host/prefix/v1beta/openai` all work,
 * for a version in the base stands for the dialect's. Throws `invalid_request` for what is no http URL, or has a query or credentials.
 */
export function parseBaseUrl(text: string, upstream: string): BaseUrl {
  const url = URL.parse(text);
  const at = `upstreams.${upstream}.baseUrl`;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw fault("invalid_request", `${at}: must be an http or https URL`);
  if (url.username !== "" || url.password !== "")
    throw fault("invalid_request", `${at}: must hold no user or password; keys go to apiKeys`);
  if (url.search !== "" || url.hash !== "") throw fault("invalid_request", `${at}: must have no query or fragment`);
  const prefix = url.pathname.replace(/\/+$/u, "");
  const segments = prefix.split("/").slice(1);
  return {
    origin: new URL(url.origin),
    path(below) {
      const [, first = "", ...rest] = below.split("/");
      const isThere = version.test(first) ? segments.some((segment) => version.test(segment)) : segments.at(-1) === first;
      return prefix + (isThere ? `/${rest.join("/")}` : below);
    },
  };
}
