import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: string;
}

/** The files there are, by what stands behind `/docs/`; empty is the page itself. A name that is asked for is looked up here and is never a path. */
const types: ReadonlyMap<string, string> = new Map([
  ["", "text/html; charset=utf-8"],
  ...["page.css", "route.css"].map((name) => [name, "text/css; charset=utf-8"] as const),
  ...["page.js", "elements.js", "schema-view.js", "try-out.js", "model-choice.js", "answer-view.js"].map(
    (name) => [name, "text/javascript; charset=utf-8"] as const,
  ),
]);

/** Finds a file of the page, which is read once; undefined: there is none of that name. Throws what the file system throws, and reads again then. */
export function pageFiles(directory = join(import.meta.dirname, "page")): (name: string) => Promise<PageFile | undefined> {
  const kept = new Map<string, PageFile>();
  return async (name) => {
    const type = types.get(name);
    if (type === undefined) return undefined;
    const file = kept.get(name) ?? { type, body: await readFile(join(directory, name === "" ? "page.html" : name), "utf8") };
    kept.set(name, file);
    return file;
  };
}

/**
 * What the page may do: run its own scripts, from files, and ask the service it came from. It makes no element from text, stands in no frame, and names itself to nobody:
 * whoever is shown an answer there has typed a key there too.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};
