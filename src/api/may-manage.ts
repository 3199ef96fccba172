import type { Caller } from "../core/context.ts";

/** Whether a caller may change what the service serves: programs on its own machine where they need no key, and keys with the scope `admin`. */
export function mayManage({ keyId, scopes, isLoopback }: Caller): boolean {
  return keyId === "" ? isLoopback : scopes.includes("admin");
}
