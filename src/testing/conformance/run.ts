import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/*
 * `npm run conformance`: runs the Connect conformance suite against this service, and ends as it does. Go builds the suite once, into .cache.
 */

const version = "1.0.5";
const root = join(import.meta.dirname, "..", "..", "..");
const cache = join(root, ".cache", "go");
const folder = join(cache, `conformance-${version}`);
const suite = join(folder, "connectconformance");

/** Servers at a time, and calls at a time: many of the cases wait. */
const servers = "2";
const calls = "8";

if (!existsSync(suite)) {
  // A module cache that can be deleted like any other folder.
  const own = { GOPATH: cache, GOBIN: folder, GOCACHE: join(cache, "build"), GOFLAGS: "-modcacherw" };
  run("nice", ["go", "install", `connectrpc.com/conformance/cmd/connectconformance@v${version}`], own);
}
const program = [process.execPath, join(import.meta.dirname, "server-program.ts")];
const flags = ["--mode", "server", "--conf", join(import.meta.dirname, "suite.yaml"), "--max-servers", servers, "--parallel", calls];
run(suite, [...flags, "--", ...program]);

/** Runs a program to its end, and ends with it where it fails. */
function run(name: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
  const { status, error } = spawnSync(name, words, { cwd: root, stdio: "inherit", env: { ...process.env, ...environment } });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
