import type { IncomingHttpHeaders } from "node:http";
import { anonymous, type Caller } from "../core/context.ts";
import type { KeyProblem, Keys } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";
import { needOf, permits, type Need } from "./access.ts";
import type { Called, RequestHead } from "./exchange.ts";

/** Who may come in. */
export interface Locks {
  /** Undefined: there are none, and never will be. */
  readonly keys?: Keys | undefined;
  /** Whether who shows no key of ours is served too; what changes the service stays closed to them. */
  readonly isOpen?: boolean | undefined;
  /** Whether `/metrics` needs no key. */
  readonly areMetricsOpen?: boolean | undefined;
}

/** Decides who calls, from a request's headers and whether the caller is on this machine. Throws `unauthenticated` and `permission_denied`; a key is in neither. */
export type Authenticate = (request: Pick<RequestHead, "headers">, called: Called, isLoopback: boolean) => Caller;

const neighbour = anonymous(true);
const stranger = anonymous(false);

/** Makes the one that goes by keys. */
export function authenticator({ keys, isOpen = false, areMetricsOpen = false }: Locks): Authenticate {
  const needs = new Map<string, Need | undefined>();
  const needed = (called: Called): Need | undefined => {
    if (needs.has(called.name)) return needs.get(called.name);
    const need = areMetricsOpen && called.name.endsWith(" /metrics") ? "open" : needOf(called);
    needs.set(called.name, need);
    return need;
  };
  /** Whose key it is; undefined: nobody's, where none is needed. */
  const holderOf = (ring: Keys, headers: IncomingHttpHeaders, isLoopback: boolean): Caller | undefined => {
    const shown = shownKey(headers);
    const found = shown === undefined ? "missing" : ring.find(shown, isLoopback);
    if (typeof found !== "string") return found;
    // Clients must send some key: one that was never ours means nothing where none is needed.
    if (isOpen && meaningless.has(found)) return undefined;
    throw fault("unauthenticated", found === "missing" ? noKey(headers) : problems[found]);
  };
  return function authenticate({ headers }, called, isLoopback) {
    const nobody = isLoopback ? neighbour : stranger;
    if (keys === undefined || !keys.isLocked) return nobody;
    const need = needed(called);
    if (need === "open") return nobody;
    const holder = holderOf(keys, headers, isLoopback);
    if (holder === undefined || permits(holder.scopes, called, need)) return holder ?? nobody;
    throw fault("permission_denied", `this key does not allow ${called.name}: it needs the scope ${need ?? called.name}`);
  };
}

const meaningless: ReadonlySet<string> = new Set(["missing", "unknown", "malformed"]);

/** What a 401 over HTTP says beside its body. */
export const challenge = 'Bearer realm="parley"';

const problems: Readonly<Record<KeyProblem, string>> = {
  unknown: "this key is not known here",
  malformed: "this key is not whole: it was cut or mistyped",
  expired: "this key has expired",
  revoked: "this key was revoked",
};

function noKey({ authorization }: IncomingHttpHeaders): string {
  const wants = "send a key as authorization: Bearer KEY, or as x-api-key: KEY";
  return authorization === undefined ? `a key is required: ${wants}` : `authorization is no bearer's: ${wants}`;
}

/** The key that a request shows, wherever; undefined when it shows none. Throws when it shows two. */
function shownKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = bearerOf(headers.authorization);
  const own = headers["x-api-key"];
  if (own === undefined || own === "") return bearer;
  if (typeof own !== "string" || (bearer !== undefined && bearer !== own))
    throw fault("unauthenticated", "authorization and x-api-key show two keys: send one of them");
  return own;
}

const scheme = "bearer ";

function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.length <= scheme.length) return undefined;
  return authorization.slice(0, scheme.length).toLowerCase() === scheme
    ? authorization.slice(scheme.length).trim() || undefined
    : undefined;
}
