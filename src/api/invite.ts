import type { Exchange } from "./exchange.ts";

/** Invites the body of a request that waits for that (RFC 9110, 10.1.1): called where it is about to be read, behind all that may refuse it by its head. HTTP/1.0 knows no such thing. */
export function inviteBody({ request, response }: Pick<Exchange, "request" | "response">): void {
  if (request.headers.expect !== undefined && request.httpVersion !== "1.0") response.writeContinue();
}
