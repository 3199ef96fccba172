import { isIP } from "node:net";
import { fault } from "../core/reasons.ts";
import { isLoopbackHost } from "../core/loopback.ts";
import type { Called, RequestHead } from "./exchange.ts";

/** Throws `permission_denied` for a request that asks for a name which is none of this service's. */
export type CheckHost = (request: Pick<RequestHead, "headers" | "authority">, called: Called) => void;

/** Where is listened, and by which names. */
export interface Names {
  /** The address or name that is listened on. */
  readonly host: string;
  /** Beside those of loopback; `*` for any. Undefined: any. */
  readonly hosts: readonly string[] | undefined;
}

/** So many hosts that were found good are known again by their text; a client's next request has the same. */
const mostKnown = 64;

/**
 * Checks what a request says that it is for. A web page can have its own name mean this machine's address once it has been loaded (DNS rebinding):
 * its requests are then of the same origin to the browser, and nothing but the name that they ask for tells them from others.
 * On loopback nobody else has a reason to know another name; elsewhere names are checked where they were listed.
 */
export function hostCheck({ host, hosts }: Names): CheckHost {
  const isNear = isLoopbackHost(host);
  if (hosts === undefined || hosts.includes("*") || (hosts.length === 0 && !isNear)) return () => {};
  const names = new Set([host, ...hosts].map((name) => bare(name.toLowerCase())));
  const known = new Set<string>();
  const isOurs = (asked: string, { purpose }: Called) => {
    if (known.has(asked)) return true;
    const name = nameIn(asked);
    if (name === undefined) return false;
    if (!isLoopbackHost(name) && !names.has(name)) return !isNear && purpose === "probe" && isIP(name) !== 0;
    if (known.size < mostKnown) known.add(asked);
    return true;
  };
  return function check({ headers, authority }, called) {
    const asked = authority === undefined || authority === "" ? headers.host : authority;
    // HTTP/1.0 alone may ask for none: no page does.
    if (asked === undefined || isOurs(asked, called)) return;
    const shown = JSON.stringify(asked.slice(0, 256));
    throw fault("permission_denied", `host: ${shown} is no name of this service; its operator can list it in LLM_HOSTS`);
  };
}

/** The name in a Host or :authority, in lower case; undefined where it is nothing but a name and a port. */
function nameIn(asked: string): string | undefined {
  const [, name] = /^(\[[\da-f:.]{2,64}\]|[a-z\d_.-]{1,255}?)\.?(?::\d{1,5})?$/i.exec(asked) ?? [];
  return name === undefined ? undefined : bare(name.toLowerCase());
}

function bare(name: string): string {
  return name.replace(/^\[(.*)\]$/, "$1");
}

/** The names that a page may be from whose requests come here, since nobody else can point them here: those that were listed, addresses, and localhost. */
export function isFixedName(name: string, hosts: readonly string[]): boolean {
  const lower = bare(name.toLowerCase());
  return lower === "localhost" || isIP(lower) !== 0 || hosts.some((host) => bare(host.toLowerCase()) === lower);
}
