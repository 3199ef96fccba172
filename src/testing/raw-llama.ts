import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const cache = join(import.meta.dirname, "..", "..", ".cache", "raw-llama");

/** A program on the libraries that node-llama-cpp ships. */
export interface RawProgram {
  readonly program: string;
  /** Folder of llama.cpp's backends, which the program loads. */
  readonly libraries: string;
}

/** Compiles a C++ file against the headers that node-llama-cpp brings along as a git bundle, for the libraries that it ships; undefined, and said why, where no compiler or no binary package for this machine is. */
export function buildRaw(source: string): RawProgram | undefined {
  const packageFolder = join(dirname(fileURLToPath(import.meta.resolve("node-llama-cpp"))), "..");
  const libraries = librariesOf(packageFolder);
  if (libraries === undefined) return undefined;
  const sources = join(cache, "llama.cpp");
  const program = join(cache, basename(source, ".cpp"));
  try {
    mkdirSync(cache, { recursive: true });
    const bundle = join(packageFolder, "llama", "gitRelease.bundle");
    if (!existsSync(sources)) execFileSync("git", ["clone", "-q", bundle, sources], { stdio: "pipe" });
    const named = readdirSync(libraries).filter((file) => /^lib(llama|ggml|ggml-base)(\.v[^/]*)?\.so$/u.test(file));
    const include = ["include", "ggml/include"].flatMap((folder) => ["-I", join(sources, folder)]);
    const link = [...named.map((file) => join(libraries, file)), `-Wl,-rpath,${libraries}`];
    execFileSync("g++", ["-O2", "-std=c++17", ...include, source, "-o", program, ...link], { stdio: "pipe" });
    return { program, libraries };
  } catch (error) {
    console.error(
      `${basename(source)} is not built: ${error instanceof Error ? error.message.split("\n").slice(0, 4).join(" ") : String(error)}`,
    );
    return undefined;
  }
}

/** Folder of the processor's libraries in the binary package of this machine. */
function librariesOf(packageFolder: string): string | undefined {
  const platform = { linux: "linux", darwin: "mac", win32: "win" }[process.platform as string];
  const bins = join(packageFolder, "..", "@node-llama-cpp", `${platform}-${process.arch}`, "bins");
  const folder = join(bins, `${platform}-${process.arch}`);
  return existsSync(folder) ? folder : undefined;
}
