import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, type SuiteFactory } from "vitest";

/** Chromium of Debian's packages. */
export const chromiumPath = "/usr/bin/chromium";

/** Python's clients, by what needs them. */
const modules = { python: ["openai", "grpc", "grpc_tools"], pythonAnthropic: ["anthropic"], pythonOllama: ["ollama"] } as const;
const absent = absentModules(Object.values(modules).flat());

/** Clients that are not in node_modules, and why each is absent; undefined where it is there. */
export const missing: Readonly<Record<"chromium" | keyof typeof modules, string | undefined>> = {
  chromium: existsSync(chromiumPath) ? undefined : `no chromium at ${chromiumPath}`,
  python: whyWithout(modules.python),
  pythonAnthropic: whyWithout(modules.pythonAnthropic),
  pythonOllama: whyWithout(modules.pythonOllama),
};

/** The Python that has the clients: `PARLEY_PYTHON`, else the one of the path. */
export function pythonPath(): string {
  return process.env["PARLEY_PYTHON"] ?? "python3";
}

/** Tests that need a client that may be absent: they are skipped then, and their name says why. */
export function describeWith(tool: keyof typeof missing, name: string, tests: SuiteFactory): void {
  const why = missing[tool];
  describe.skipIf(why !== undefined)(why === undefined ? name : `${name} (skipped: ${why})`, tests);
}

/** How a program ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function run(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, words, { env: environment, maxBuffer: 64 * 1024 * 1024, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function whyWithout(wanted: readonly string[]): string | undefined {
  const lacking = wanted.filter((name) => absent.includes(name));
  return lacking.length === 0 ? undefined : `no python3 with ${lacking.join(", ")}; PARLEY_PYTHON names one`;
}

/** Those modules that the Python does not have; all of them where there is no Python. To look for them is faster than to load them. */
function absentModules(names: readonly string[]): readonly string[] {
  const look = "import sys, importlib.util as u; print(*(name for name in sys.argv[1:] if u.find_spec(name) is None))";
  try {
    return execFileSync(pythonPath(), ["-c", look, ...names], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .trim()
      .split(" ");
  } catch {
    return names;
  }
}
