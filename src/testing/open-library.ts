import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Variables } from "../core/child-environment.ts";
import { systemClock } from "../core/clock.ts";
import { resolveLimits, type LimitName } from "../core/limits.ts";
import type { Log } from "../core/ports.ts";
import { openLibrary, type LibraryOptions, type ModelLibrary } from "../library/library.ts";
import { silentLog } from "../telemetry/log.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** What a test's library differs in from an empty one that reaches nothing. */
export interface TestLibraryOptions {
  readonly directory?: string;
  readonly mirror?: string;
  readonly hub?: string;
  readonly token?: string;
  readonly limits?: Partial<Record<LimitName, number>>;
  /** Entries of the catalog; the first is its default. */
  readonly models?: readonly Readonly<Record<string, unknown>>[];
  readonly log?: Log;
  /** Of the process, for the programs that it starts. Default none. */
  readonly variables?: Variables;
}

/** Opens a library for one test, with a folder of its own unless one is given. */
export async function openTestLibrary(options: TestLibraryOptions = {}): Promise<ModelLibrary> {
  const directory = options.directory ?? (await temporaryFolder());
  if (options.models !== undefined)
    await writeFile(join(directory, "catalog.json"), JSON.stringify({ default: options.models[0]?.["id"], models: options.models }));
  const library = await openLibrary(libraryOptions(directory, options));
  onTestFinished(() => library.close());
  return library;
}

function libraryOptions(
  directory: string,
  { mirror, hub = "https://127.0.0.1:9", token, limits = {}, log = silentLog, variables = {} }: TestLibraryOptions,
): LibraryOptions {
  return {
    directory,
    mirror,
    dataDirectory: join(directory, "data"),
    hub: { endpoint: hub, token },
    limits: resolveLimits(limits),
    log,
    variables,
    clock: systemClock,
  };
}
