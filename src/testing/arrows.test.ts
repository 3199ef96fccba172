import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, posix } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "./temporary-folder.ts";

// A lint of 4,000 files, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

// The lint rule is tried on a tree of its own: a copy of the folders of src with one file an import, and nothing else in it.

const root = join(import.meta.dirname, "..", "..");
const oxlint = join(dirname(createRequire(import.meta.url).resolve("oxlint/package.json")), "bin", "oxlint");

/** Who may import whom, beside gen and themselves; the architecture's table. `core` stands for its folder, `config.ts` for the file. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  dialects: ["core"],
  keys: ["core"],
  library: ["core"],
  stores: ["core"],
  telemetry: ["core"],
  providers: ["core", "dialects", "engine/protocol"],
  engine: ["core"],
  routing: ["core", "telemetry"],
  layers: ["core", "telemetry"],
  api: ["core", "dialects", "telemetry"],
  "config.ts": ["core", "config", "environment", "environment.ts"],
  config: ["core", "config.ts", "environment", "environment.ts"],
  "environment.ts": ["core", "environment"],
  environment: ["core", "environment.ts"],
};

/** May import everything. */
const composers = ["service.ts", "service-library.ts", "main.ts", "bin.js", "commands", "bench", "testing", "clients", "deploy"];

const modules = [...Object.keys(arrows), ...composers];

const forms: Readonly<Record<string, (path: string) => string>> = {
  static: (path) => `import { thing } from "${path}";\nexport const it = thing;\n`,
  type: (path) => `import type { Thing } from "${path}";\nexport type It = Thing;\n`,
  effect: (path) => `import "${path}";\nexport {};\n`,
  reexport: (path) => `export { thing } from "${path}";\n`,
  star: (path) => `export * from "${path}";\n`,
  dynamic: (path) => `export const it = () => import("${path}");\n`,
};

interface Case {
  /** Where the importing file stands, below src. */
  readonly from: string;
  readonly imports: string;
  readonly isAllowed: boolean;
}

const moduleCases: readonly Case[] = Object.entries(arrows).flatMap(([module, allowed]) =>
  modules
    .filter((other) => other !== module)
    .flatMap((other) => {
      const target = other.includes(".") ? other : `${other}/thing.ts`;
      return placesIn(module).map((from) => ({ from, imports: pathTo(from, target), isAllowed: allowed.includes(other) }));
    }),
);

const specialCases: readonly Case[] = [
  ...placesIn("providers").map((from) => ({ from, imports: pathTo(from, "engine/protocol/load.ts"), isAllowed: true })),
  ...["engine/loop.ts", "engine/protocol-thing.ts", "engine/deep/thing.ts"].flatMap((path) =>
    placesIn("providers").map((from) => ({ from, imports: pathTo(from, path), isAllowed: false })),
  ),
  ...Object.keys(arrows).flatMap((module) =>
    placesIn(module).map((from) => ({ from, imports: pathTo(from, "../gen/parley/v1/chat_pb.ts"), isAllowed: true })),
  ),
  ...["core", "dialects"].flatMap((module) =>
    ["node:fs", "node:net", "undici", "@connectrpc/connect-node", "@grpc/grpc-js"].map((imports) => ({
      from: `${module}/file.ts`,
      imports,
      isAllowed: false,
    })),
  ),
  ...["fs", "pino", "@opentelemetry/sdk-node"].map((imports) => ({ from: "core/file.ts", imports, isAllowed: false })),
  ...["@bufbuild/protobuf", "@bufbuild/protobuf/wkt"].map((imports) => ({ from: "core/file.ts", imports, isAllowed: true })),
  { from: "providers/echo.ts", imports: "./openai.ts", isAllowed: false },
  { from: "providers/echo.ts", imports: "./llama-cpp/front.ts", isAllowed: false },
  { from: "providers/llama-cpp/front.ts", imports: "../echo.ts", isAllowed: false },
  { from: "providers/llama-cpp/front.ts", imports: "../openai/front.ts", isAllowed: false },
  { from: "providers/llama-cpp/front.ts", imports: "./supervisor.ts", isAllowed: true },
  { from: "providers/llama-cpp/front.ts", imports: "./deep/supervisor.ts", isAllowed: true },
  { from: "providers/llama-cpp/deep/inner.ts", imports: "../front.ts", isAllowed: true },
  { from: "providers/llama-cpp/deep/inner.ts", imports: "../../echo.ts", isAllowed: false },
  { from: "library/file.test.ts", imports: "../testing/thing.ts", isAllowed: true },
];

describe("the import arrows", () => {
  // A file such as config-file.ts belongs to config.ts, with the same arrows.
  it("have a row for every folder and every file at the top of src", () => {
    const entries = readdirSync(join(root, "src"), { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory() || isProgram(entry.name)).map(({ name }) => name);
    expect(names.filter((name) => !modules.includes(name.replace(/-.*(?=\.ts$)/u, "")))).toEqual([]);
  });

  it("let the lint fail on each forbidden import, in every form that an import has, and on no other", async () => {
    const files = [...moduleCases, ...specialCases].flatMap(({ from, imports, isAllowed }, index) =>
      Object.entries(forms).map(([form, write]) => ({
        path: from.replace(/(\.test)?\.ts$/u, `-${index}-${form}$1.ts`),
        text: write(imports),
        says: `src/${from} ${isAllowed ? "may" : "may not"} import ${imports} (${form})`,
        isAllowed,
      })),
    );
    const refused = await lint(files);
    const wrong = files.filter(({ path, isAllowed }) => refused.has(path) === isAllowed);
    expect(wrong.map(({ says }) => says)).toEqual([]);
  });

  it("let core see of Connect its errors and of OpenTelemetry its types, and no more", async () => {
    const files = {
      "core/errors.ts": `import { Code, ConnectError } from "@connectrpc/connect";\nexport const it = [Code, ConnectError];\n`,
      "core/client.ts": `import { createClient } from "@connectrpc/connect";\nexport const it = createClient;\n`,
      "core/span.ts": `import type { Span } from "@opentelemetry/api";\nexport type It = Span;\n`,
      "core/trace.ts": `import { trace } from "@opentelemetry/api";\nexport const it = trace;\n`,
    };
    const refused = await lint(Object.entries(files).map(([path, text]) => ({ path, text })));
    expect([...refused].toSorted()).toEqual(["core/client.ts", "core/trace.ts"]);
  });
});

/** Places from which a module's files import: its top, and below it where it has folders. */
function placesIn(module: string): string[] {
  if (module.includes(".")) return [module];
  if (module === "providers") return ["providers/file.ts", "providers/kind/file.ts", "providers/kind/deep/file.ts"];
  return [`${module}/file.ts`, `${module}/deep/file.ts`];
}

function pathTo(from: string, target: string): string {
  const path = posix.relative(posix.dirname(`src/${from}`), posix.join("src", target));
  return path.startsWith(".") ? path : `./${path}`;
}

function isProgram(name: string): boolean {
  return /\.(ts|js|mjs)$/u.test(name) && !name.endsWith(".test.ts");
}

/** Lints a tree of these files with the project's own configuration; answers with those in which an import was refused. */
async function lint(files: readonly { readonly path: string; readonly text: string }[]): Promise<ReadonlySet<string>> {
  const folder = await temporaryFolder();
  // Beside the tree, since the patterns of its overrides are relative to it.
  copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  for (const { path, text } of files) {
    const file = join(folder, "src", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const { exitCode, report } = await run(folder);
  const { diagnostics } = JSON.parse(report) as { diagnostics: { code: string; filename: string; severity: string }[] };
  const refused = diagnostics.filter(({ code, severity }) => code.includes("no-restricted-imports") && severity === "error");
  if (refused.length > 0) expect(exitCode).toBe(1);
  return new Set(refused.map(({ filename }) => posix.relative("src", filename)));
}

async function run(folder: string): Promise<{ exitCode: number; report: string }> {
  const words = [oxlint, "-c", ".oxlintrc.json", "-f", "json", "."];
  const options = { cwd: folder, maxBuffer: 256 * 1024 * 1024 };
  return new Promise((resolve) => {
    execFile(process.execPath, words, options, (error, report) => resolve({ exitCode: error === null ? 0 : Number(error.code), report }));
  });
}
