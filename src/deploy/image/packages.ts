import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A package that lies in a folder of modules. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  /** As its author says it: an SPDX expression, mostly. */
  readonly licence: string;
  /** Texts of its licence and notices. */
  readonly texts: readonly string[];
  /** Names of what it asks for. */
  readonly dependencies: readonly string[];
  /** Where it lies, below the folder that was read; such as `node_modules/a/node_modules/b`. */
  readonly path: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type?: string };
  readonly licenses?: readonly { readonly type?: string }[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Reads every package below `root/node_modules`, those inside of others too. */
export function installedPackages(root: string, path = "node_modules"): InstalledPackage[] {
  const folder = join(root, path);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => (name.startsWith("@") ? readdirSync(join(folder, name)).map((below) => `${name}/${below}`) : [name]));
  return names.toSorted().flatMap((name) => {
    const own = `${path}/${name}`;
    return [read(root, own), ...installedPackages(root, `${own}/node_modules`)];
  });
}

function read(root: string, path: string): InstalledPackage {
  const folder = join(root, path);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /^(licen[cs]e|copying|notice)/i.test(entry.name))
    .map((entry) => entry.name)
    .toSorted();
  return {
    name: manifest.name,
    version: manifest.version,
    licence: licenceOf(manifest),
    texts: files.map((file) => readFileSync(join(folder, file), "utf8").trim()),
    dependencies: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).toSorted(),
    path,
  };
}

function licenceOf({ license, licenses = [] }: Manifest): string {
  if (typeof license === "string") return license;
  return license?.type ?? licenses.map(({ type }) => type).join(" OR ");
}

/** The package that Node finds by a name from inside another. */
export function resolved(name: string, from: string, all: ReadonlyMap<string, InstalledPackage>): InstalledPackage | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const found = all.get(`${at === "" ? "" : `${at}/`}node_modules/${name}`);
    if (found !== undefined || at === "") return found;
  }
}
