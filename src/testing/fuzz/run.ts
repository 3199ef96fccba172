import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startDocumentedService } from "../documented-service.ts";

/*
 * `npm run fuzz`: schemathesis asks a running service whatever its own OpenAPI document allows and what it does not, and holds each answer against it:
 * no failure of the service, and nothing that the document does not tell. Python installs the tool once, into .cache; further words go on to it.
 */

const version = "4.32.5";
const root = join(import.meta.dirname, "..", "..", "..");
const folder = join(root, ".cache", `schemathesis-${version}`);
const tool = join(folder, "bin", "schemathesis");

/** What it holds against the document, and that what the document forbids is refused. */
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "negative_data_rejection",
];

/** It loads models of any size, for as long as that takes, and everybody waits; it has tests of its own. */
const left = ["/setModel"];

if (!existsSync(tool)) {
  rmSync(folder, { recursive: true, force: true });
  run("python3", ["-m", "venv", folder]);
  run(join(folder, "bin", "python"), ["-m", "pip", "install", "-q", "--disable-pip-version-check", `schemathesis==${version}`]);
}
const server = await startDocumentedService();
const words = [
  ...["--config-file", join(import.meta.dirname, "schemathesis.toml"), "run", `${server.url}/openapi.json`],
  ...["--phases", "examples,coverage,fuzzing", "--checks", checks.join(","), "--max-examples", "10"],
  // One worker: Python 3.11 counts the depth of a syntax tree over all threads, and two that read one at once end with an error of its own.
  ...["--seed", "1", "--workers", "1", "--request-timeout", "30", "--continue-on-failure", "--warnings", "off"],
  ...left.flatMap((path) => ["--exclude-path", path]),
  ...process.argv.slice(2),
];
const exitCode = await new Promise<number>((resolve, reject) => {
  const child = spawn(tool, words, { stdio: "inherit", cwd: folder });
  child.on("error", reject);
  child.on("close", (code) => resolve(code ?? 1));
});
// What this version lacks is logged as an error too.
const failures = server.log.filter(({ level, facts }) => level === "error" && facts["status"] !== "unimplemented");
for (const { message, facts } of failures.slice(0, 10)) console.log("logged as an error:", message, facts);
await server.close();
process.exit(exitCode !== 0 || failures.length > 0 ? 1 : 0);

/** Runs a program to its end, and ends with it where it fails. */
function run(name: string, args: readonly string[]): void {
  const { status, error } = spawnSync(name, args, { cwd: root, stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
