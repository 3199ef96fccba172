import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Contestant, Setup } from "./contestant.ts";

const cache = join(import.meta.dirname, "..", "..", "..", ".cache", "raw-llama");

/** The raw C++ loop; undefined where no compiler or no binary package for this machine is. */
export async function startRawLoop({ modelPath, threads, sequences, contextLength, batchTokens }: Setup): Promise<Contestant | undefined> {
  const built = build();
  if (built === undefined) return undefined;
  const settings = [threads, sequences, contextLength, batchTokens].map(String);
  const child = spawn(built.program, [built.libraries, modelPath, ...settings], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return {
    name: "raw C++ loop",
    async run({ streams }) {
      const prompt = streams[0]?.prompt ?? [];
      const answer = once(lines, "line") as Promise<[string]>;
      child.stdin.write(
        `${streams.length} ${streams[0]?.newTokens} ${prompt.length} ${streams.flatMap(({ prompt: ids }) => ids).join(" ")}\n`,
      );
      const [tokens = 0, endedMs = 0, firstMs = 0] = (await answer)[0].split(" ").map(Number);
      // It tells of all streams together: the first stands for them.
      return [{ tokens, times: [firstMs], endedMs, cachedTokens: 0 }];
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Compiles the loop against the headers that node-llama-cpp brings along as a git bundle, for the libraries that it ships. */
function build(): { readonly program: string; readonly libraries: string } | undefined {
  const packageFolder = join(dirname(fileURLToPath(import.meta.resolve("node-llama-cpp"))), "..");
  const libraries = librariesOf(packageFolder);
  if (libraries === undefined) return undefined;
  const sources = join(cache, "llama.cpp");
  const program = join(cache, "raw");
  try {
    mkdirSync(cache, { recursive: true });
    const bundle = join(packageFolder, "llama", "gitRelease.bundle");
    if (!existsSync(sources)) execFileSync("git", ["clone", "-q", bundle, sources], { stdio: "pipe" });
    const named = readdirSync(libraries).filter((file) => /^lib(llama|ggml|ggml-base)(\.v[^/]*)?\.so$/u.test(file));
    const include = ["include", "ggml/include"].flatMap((folder) => ["-I", join(sources, folder)]);
    const source = join(import.meta.dirname, "raw.cpp");
    const link = [...named.map((file) => join(libraries, file)), `-Wl,-rpath,${libraries}`];
    execFileSync("g++", ["-O2", "-std=c++17", ...include, source, "-o", program, ...link], { stdio: "pipe" });
    return { program, libraries };
  } catch (error) {
    console.error(`no raw loop: ${error instanceof Error ? error.message.split("\n").slice(0, 4).join(" ") : String(error)}`);
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
