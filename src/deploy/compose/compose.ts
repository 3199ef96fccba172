import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ContainerOptions } from "../containers/container.ts";
import type { Bind } from "../containers/spec.ts";
import { isThere, root, run } from "../programs.ts";

/** What reads a compose file and judges it: the library that `docker compose` itself reads by, as a program of its own. */
const reader = { module: "github.com/compose-spec/compose-go/v2/cmd", version: "v2.16.2" };
const folder = join(root, ".cache", "compose", reader.version);

/** A compose file as it is understood: names filled in, defaults written out. */
export interface Project {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, object>>;
}

/** One of its services. */
export interface ComposeService {
  readonly image: string;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly restart: string;
  readonly environment: Readonly<Record<string, string | null>>;
  readonly ports: readonly { readonly host_ip: string; readonly published: string; readonly target: number }[];
  readonly volumes: readonly { readonly type: string; readonly source: string; readonly target: string; readonly read_only?: boolean }[];
  readonly healthcheck: { readonly test: readonly string[]; readonly interval: string; readonly timeout: string; readonly retries: number };
  readonly stop_grace_period: string;
  readonly read_only: boolean;
  readonly tmpfs: readonly string[];
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
}

/** Why compose files cannot be judged here; undefined where they can. */
export function whyNoCompose(): string | undefined {
  return existsSync(folder) || isThere("go") ? undefined : "there is no go";
}

/** Reads a compose file as `docker compose config` does. Throws what that would say of one that breaks the specification. */
export async function readCompose(file: string): Promise<Project> {
  if (!existsSync(folder))
    await run("go", ["install", `${reader.module}@${reader.version}`], { environment: { GOBIN: folder, GOFLAGS: "-modcacherw" } });
  return JSON.parse(await run(join(folder, "cmd"), ["-format", "json", file])) as Project;
}

/** The service's container as runc is told of it; `sources` are the folders of its volumes. Throws where the service asks for more than runc gives here. */
export function composeOptions(service: ComposeService, sources: Readonly<Record<string, string>>): ContainerOptions {
  if (!service.cap_drop.includes("ALL")) throw new Error("it keeps capabilities");
  if (!service.security_opt.includes("no-new-privileges:true")) throw new Error("it may get new privileges");
  const binds = service.volumes.map(({ source, target, read_only: isReadOnly = false }): Bind => {
    const place = sources[source];
    if (place === undefined) throw new Error(`there is no volume ${source}`);
    return { source: place, path: target, isReadOnly };
  });
  return {
    binds,
    isRootReadOnly: service.read_only,
    emptyFolders: [...service.tmpfs, "/dev/shm"],
    environment: Object.entries(service.environment).map(([name, value]) => `${name}=${value ?? ""}`),
    entrypoint: service.entrypoint,
    words: service.command,
  };
}

/** Seconds of a duration such as `45s` or `1m30s`. */
export function secondsOf(duration: string): number {
  const factors: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };
  return [...duration.matchAll(/(\d+)([hms])/g)].reduce((sum, [, number, unit = ""]) => sum + Number(number) * (factors[unit] ?? 0), 0);
}
