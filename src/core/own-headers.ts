/** Headers that a request to an upstream has from Parley itself, or that belong to a connection. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "anthropic-version", "baggage", "connection", "content-encoding", "content-length", "content-type"],
  ...["expect", "host", "http2-settings", "keep-alive", "te", "trailer", "traceparent", "tracestate", "transfer-encoding", "upgrade"],
]);

const keyWords = /(^|[-_])(api-?)?(key|token|secret|auth|authorization|cookie|password|credentials?)s?($|[-_])/;

/** What keeps a header from being set on requests to an upstream, whatever its case; undefined: nothing. The value is never repeated. */
export function headerProblem(name: string, value: string): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/.test(lower)) return "has a name that is none of a header";
  if (keyWords.test(lower)) return "would carry a key: keys belong into apiKeys";
  if (ownHeaders.has(lower) || /^(?:grpc|x-parley)-/.test(lower)) return "is Parley's own: it cannot be changed";
  return /^[\t -~]{0,8192}$/.test(value) ? undefined : "has characters that no header may have, or more than 8192";
}
