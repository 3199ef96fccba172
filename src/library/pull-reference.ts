import { isModelId } from "../core/model-id.ts";
import { fault } from "../core/reasons.ts";
import { isModelFileName, type CatalogSource } from "./catalog.ts";
import { isAllowedUrl } from "./http-source.ts";
import type { PullTarget } from "./sources.ts";

/** Reads what the command line may name beside an id: `hf:owner/repo/file.gguf` or an https URL of a file. Undefined for anything else. Throws `invalid_request`. */
export function parsePullReference(text: string, hubUrl: URL): PullTarget | undefined {
  if (text.startsWith("hf:")) return hubTarget(text);
  const url = URL.parse(text);
  if (url?.protocol !== "https:" && url?.protocol !== "http:") return undefined;
  if (!isAllowedUrl(url)) throw fault("invalid_request", `${url.host}: only https URLs can be pulled`);
  // What a browser shows of a file at the hub is a page about it.
  if (url.origin === hubUrl.origin) url.pathname = url.pathname.replace(/^(\/[^/]+\/[^/]+)\/blob\//, "$1/resolve/");
  return target(fileNameIn(url), { kind: "url", url });
}

function fileNameIn({ pathname, host }: URL): string {
  try {
    return decodeURIComponent(pathname.split("/").at(-1) ?? "");
  } catch (error) {
    const message = `${host}: the file's name in the URL is not percent-encoded UTF-8; write a percent sign as %25`;
    throw fault("invalid_request", message, { cause: error });
  }
}

function hubTarget(text: string): PullTarget {
  const [owner = "", name = "", ...path] = text.slice("hf:".length).split("/");
  if (path.length === 0 || ![`${owner}/${name}`, path.join("/")].every(isModelId))
    throw fault("invalid_request", `${text}: must be hf:owner/repo/file.gguf`);
  return target(path.at(-1) ?? "", { kind: "hub", repository: `${owner}/${name}`, revision: "main", path: path.join("/") });
}

function target(file: string, source: CatalogSource): PullTarget {
  if (!isModelFileName(file)) throw fault("invalid_request", `${file || "the URL"}: must name a file that ends in .gguf`);
  const id = file.slice(0, -".gguf".length);
  return { id, file, sizeBytes: undefined, sha256: undefined, sources: [source], isTrusted: true };
}
