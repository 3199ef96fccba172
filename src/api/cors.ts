import { cors as connectCors } from "@connectrpc/connect";
import type { HttpRequest, HttpResponse, RequestHead } from "./exchange.ts";
import { isFixedName } from "./hosts.ts";

/** Headers that scripts may read: Connect's, ours, and those that say when to try again. */
const exposed = [
  ...connectCors.exposedHeaders,
  "x-request-id",
  "request-id",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "www-authenticate",
  "x-ratelimit-limit-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-requests",
  "x-ratelimit-reset-tokens",
  "x-parley-provider",
  "x-parley-model",
  "x-parley-attempts",
  "x-parley-retries",
  "x-parley-fallback",
  "x-parley-hedged",
  "x-parley-splices",
].join(", ");

/** What any path is asked by. A preflight need not say what its own path allows: the path itself answers others with 405. */
const methods = "GET, HEAD, POST, DELETE";

/** Longest that browsers keep a preflight's answer, seconds; Chromium's own cap. */
const maxAgeSeconds = 7200;

/** Lets pages of some origins call the service. */
export interface Cors {
  /** Puts the headers on a response; errors and streams need them as much as answers. */
  mark(request: HttpRequest, response: HttpResponse): void;
  /** Answers a preflight; false when the request is none, or its origin is not listed. */
  preflight(request: HttpRequest, response: HttpResponse): boolean;
  /** Whether a page made this request that is neither listed nor served from here. */
  isForeignPage(request: RequestHead): boolean;
}

/** What pages that are served from here come from. */
export interface OwnPages {
  readonly isSecure: boolean;
  /** Names of this service, which its operator vouches for. */
  readonly hosts: readonly string[] | undefined;
}

/** CORS by exact origins, such as `https://app.example`. Without any, no header is ever sent. */
export function cors(origins: readonly string[], own: OwnPages): Cors {
  const listed = new Set(origins);
  const allowed = ({ headers: { origin } }: RequestHead) => (origin !== undefined && listed.has(origin) ? origin : undefined);
  return {
    mark(request, response) {
      if (listed.size === 0) return;
      response.setHeader("vary", "Origin");
      const origin = allowed(request);
      if (origin === undefined) return;
      response.setHeader("access-control-allow-origin", origin);
      response.setHeader("access-control-expose-headers", exposed);
    },
    preflight(request, response) {
      const origin = allowed(request);
      const { headers } = request;
      if (request.method !== "OPTIONS" || origin === undefined || headers["access-control-request-method"] === undefined) return false;
      // SDKs send headers that no list of ours would know (x-stainless-...): what the page asks for is granted, after the origin.
      const wanted = headers["access-control-request-headers"];
      response.writeHead(204, {
        vary: "Origin, Access-Control-Request-Headers",
        "access-control-allow-methods": methods,
        ...(wanted !== undefined && { "access-control-allow-headers": wanted }),
        ...(headers["access-control-request-private-network"] === "true" && { "access-control-allow-private-network": "true" }),
        "access-control-max-age": String(maxAgeSeconds),
      });
      response.end();
      return true;
    },
    isForeignPage: (request) => request.headers.origin !== undefined && allowed(request) === undefined && !isOwnPage(request, own),
  };
}

/** Whether the page comes from where it calls, by a name that no one else can point here: any other host could be made to mean this machine after its page has been loaded. */
function isOwnPage({ headers: { host, origin }, authority = host }: RequestHead, { isSecure, hosts = [] }: OwnPages): boolean {
  // Without TLS, a page that came over https came from something before it.
  const own = URL.parse(`${isSecure ? "https" : "http"}://${authority ?? ""}`);
  return own !== null && own.origin === origin && isFixedName(own.hostname, hosts);
}
