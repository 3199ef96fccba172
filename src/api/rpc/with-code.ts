import { ConnectError, type Code } from "@connectrpc/connect";

/** The same fault with the code that an RPC protocol itself lays down for it; logs and metrics go by its reason. */
export function withCode(error: ConnectError, code: Code): ConnectError {
  const copy = new ConnectError(error.rawMessage, code, error.metadata, undefined, error.cause);
  copy.details = error.details;
  return copy;
}
