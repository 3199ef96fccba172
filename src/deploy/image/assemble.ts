import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { billOf, licenceText, type Contents, type OtherPart } from "./bill.ts";
import { installedPackages } from "./packages.ts";

/*
 * Run while the image is built, in the folder of the sources after `npm ci`: `assemble.ts RUNTIME IMAGE` lays out in IMAGE what the image is to have,
 * with Node from the modules of RUNTIME, and makes an empty /models beside it.
 */

const [runtime = "", image = ""] = process.argv.slice(2);
const app = join(image, "opt/parley");
const documents = join(image, "usr/share/doc/parley");
const programs = join(image, "usr/local/bin");
const nodePackage = join(runtime, `node_modules/node-linux-${process.arch}`);

for (const folder of [app, documents, programs, "/models"]) mkdirSync(folder, { recursive: true });
dropUnused("node_modules");
const contents = readContents(); // before what only it needs is gone
dropSources("node_modules/node-llama-cpp");

for (const name of ["src", "gen", "models", "node_modules", "LICENSE", "package.json"]) cpSync(name, join(app, name), { recursive: true });
rmSync(join(app, "src/deploy"), { recursive: true });
copyFileSync(join(nodePackage, "bin/node"), join(programs, "node"));
// Node itself becomes the process, with no shell between it and its signals.
writeFileSync(join(programs, "parley"), '#!/usr/local/bin/node\nimport("/opt/parley/src/bin.js");\n');
for (const program of ["node", "parley"]) chmodSync(join(programs, program), 0o755);
writeFileSync(join(documents, "sbom.cdx.json"), `${JSON.stringify(billOf(contents), undefined, 1)}\n`);
writeFileSync(join(documents, "LICENCES.txt"), licenceText(contents));

function readContents(): Contents {
  const { name, version, license } = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, string>;
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, { integrity?: string }> };
  const integrity = Object.fromEntries(Object.entries(lock.packages).map(([path, one]) => [path, one.integrity]));
  const packages = installedPackages(".");
  return { name: name ?? "", version: version ?? "", licence: license ?? "", packages, others: [nodeItself(), llamaCpp()], integrity };
}

function nodeItself(): OtherPart {
  const { name, version } = JSON.parse(readFileSync(join(nodePackage, "package.json"), "utf8")) as Record<"name" | "version", string>;
  const text = readFileSync(join(nodePackage, "LICENSE"), "utf8").trim();
  return { name: "node", version, licence: "MIT", purl: `pkg:npm/${name}@${version}`, text };
}

/** Compiled into the binaries of node-llama-cpp, which name its release. */
function llamaCpp(): OtherPart {
  const file = "node_modules/node-llama-cpp/llama/binariesGithubRelease.json";
  const { release } = JSON.parse(readFileSync(file, "utf8")) as { release: string };
  // The terms are those of the binding, word for word; whose work it is differs.
  const text = readFileSync("node_modules/node-llama-cpp/LICENSE", "utf8")
    .trim()
    .replace(/^Copyright .*$/m, "Copyright (c) 2023-2026 The ggml authors");
  if (!text.includes("The ggml authors")) throw new Error("the licence of node-llama-cpp names no holder that another could stand for");
  return { name: "llama.cpp", version: release, licence: "MIT", purl: `pkg:github/ggml-org/llama.cpp@${release}`, text };
}

/** Takes away what no program reads: types, maps, tests, and links to programs of packages. */
function dropUnused(folder: string): void {
  for (const path of ["@types", ".bin", ".package-lock.json"]) rmSync(join(folder, path), { recursive: true, force: true });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && /\.(map|d\.[cm]?ts|test\.[cm]?[jt]s)$/.test(entry.name)) rmSync(join(entry.parentPath, entry.name));
}

/** Takes away the sources of llama.cpp, and what compiles them. */
function dropSources(folder: string): void {
  const kept = new Set(["binariesGithubRelease.json", "llama.cpp.info.json", "package.json"]);
  const llama = join(folder, "llama");
  if (!existsSync(llama)) throw new Error(`${llama}: not there; is ${dirname(llama)} another version?`);
  for (const name of readdirSync(llama)) if (!kept.has(name)) rmSync(join(llama, name), { recursive: true });
  rmSync(join(folder, "templates"), { recursive: true, force: true });
}
