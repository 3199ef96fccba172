import { execFile, type ExecFileException } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { generate } from "./commands/generate.ts";
import { packageVersion } from "./config/settings.ts";
import { main } from "./main.ts";
import { sharedFolder } from "./testing/temporary-folder.ts";

const bin = join(import.meta.dirname, "bin.js");
const folder = sharedFolder();

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, with no variables but the path. */
function run(program: string, args: readonly string[]): Promise<Ran> {
  const env = { PATH: process.env["PATH"] ?? "" };
  return new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env }, (error: ExecFileException | null, out, err) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

/** The command line inside this process; good for all that starts no service. */
async function parley(args: readonly string[], variables: Record<string, string> = {}): Promise<Ran> {
  const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const exitCode = await main(args, { variables, out, err });
  return { exitCode, out: String(out.read() ?? ""), err: String(err.read() ?? "") };
}

/** A Node that is too old, if this machine has one. */
async function olderNode(): Promise<string | undefined> {
  for (const place of (process.env["PATH"] ?? "").split(delimiter).map((path) => join(path, "node"))) {
    if (!existsSync(place)) continue;
    const { out } = await run(place, ["--version"]);
    if (Number(/^v(\d+)/.exec(out)?.[1] ?? 99) < 24) return place;
  }
  return undefined;
}

describe("the command line", () => {
  it("says in one line what an older Node lacks, and nothing else", async ({ skip }) => {
    const older = await olderNode();
    skip(older === undefined, "no older Node on the PATH");
    const { exitCode, out, err } = await run(older ?? "", [bin, "serve"]);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(err).toMatch(/^parley needs Node 24 \(this is v\d+[\d.]+\); .*\n$/);
  });

  it("runs through a link and from any folder", async () => {
    const link = join(folder, "parley");
    symlinkSync(bin, link);
    expect(await run(process.execPath, [link, "--version"])).toEqual({ exitCode: 0, out: `${packageVersion}\n`, err: "" });
  });

  it("helps, and says where to go next", async () => {
    const { exitCode, out } = await parley(["--help"]);
    expect(exitCode).toBe(0);
    for (const text of ["parley serve", "parley models", "curl localhost:8080/v1/chat/completions"]) expect(out).toContain(text);
    expect(out).not.toContain("generate");
  });

  it("names every flag in the help of serve", async () => {
    const { out } = await parley(["serve", "--help"]);
    const flags = ["--host", "--port", "--open", "--model-name", "--models-dir", "--log-level", "--config", "--check", "--ready-file"];
    for (const flag of flags) expect(out).toContain(flag);
  });

  it.each([
    [["srve"], {}, /^error: unknown command 'srve'\n\(Did you mean serve\?\)\n/],
    [["serve", "--prot", "1"], {}, /^error: unknown option '--prot'\n\(Did you mean --port\?\)\n/],
    [["models", "list", "--jsn"], {}, /\n\(`parley models list --help` says what there is\)\n$/],
    [["serve", "--port", "http"], {}, /^parley: --port: "http" is not a whole number\n$/],
    [["serve"], { LLM_PORT: "70000" }, /^parley: LLM_PORT: 70000 is outside 0 to 65535\n$/],
    [["serve"], { LLM_REDIS_ENABLED: "true" }, /^parley: LLM_REDIS_ENABLED: not in this version, unset it\n$/],
    [["serve", "--config", "none.yaml"], {}, /^parley: none.yaml: the configuration cannot be read: ENOENT\n$/],
    [["serve", "--host", "0.0.0.0"], {}, /^parley: --host: 0.0.0.0 is reached from other machines, .*add --open.*\n$/],
  ])("ends %j %o with 2 and says what is wrong", async (args, variables, message) => {
    const { exitCode, out, err } = await parley(args, variables);
    expect([exitCode, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
  });
});

it("shows where an error comes from only to those who debug", async () => {
  const { err } = await parley(["serve", "--port", "http"], { LLM_DEBUG: "true" });
  expect(err).toMatch(/^parley: --port: "http" is not a whole number\n.*\n {4}at /);
});

describe("parley generate", () => {
  it("renews the documents below a folder, and writes nothing that is current", () => {
    const readme = join(folder, "README.md");
    writeFileSync(readme, "# A\n<!-- limits -->\n<!-- /limits -->\nend\n");
    const out = new PassThrough({ encoding: "utf8" });
    generate({ variables: {}, out, err: out }, folder);
    expect(out.read()).toBe("wrote .env.example\nwrote README.md\n");
    expect(readFileSync(readme, "utf8")).toMatch(/^# A\n<!-- limits -->\n\n\| Limit [^]*\n\n<!-- \/limits -->\nend\n$/);
    generate({ variables: {}, out, err: out }, folder);
    expect(out.read()).toBeNull();
  });
});

describe("parley serve --check", () => {
  it("prints what was understood and from where, with secrets hidden, and ends with 0", async () => {
    const good = join(folder, "good.yaml");
    writeFileSync(good, "http:\n  port: 9000\n");
    const variables = { HF_TOKEN: "hf_s3cret", LOG_LEVEL: "WARNING", OPENAI_API_KEY: "sk-s3cret", REDIS_URL: "redis://:s3cret@h" };
    const { exitCode, out, err } = await parley(["serve", "--check", "--config", good, "--model-name", "m"], variables);
    expect(exitCode).toBe(0);
    const lines = out.split("\n").map((line) => line.split(/ {2,}/));
    expect(lines).toContainEqual(["http.port", "9000", good]);
    expect(lines).toContainEqual(["hub.token", "***", "HF_TOKEN"]);
    expect(lines).toContainEqual(["telemetry.logLevel", "warn", "LOG_LEVEL"]);
    expect(lines).toContainEqual(["models.defaultModel", "m", "--model-name"]);
    expect(out).toMatch(/the configuration is good\n$/);
    expect(lines).toContainEqual(["upstreams[0].apiKeys", "***", "OPENAI_API_KEY"]);
    expect(err).toBe(
      "parley: ignored: REDIS_URL; the parts that would use them are not in this version: nothing is cached, stored or sent to a broker\n",
    );
    expect(out + err).not.toContain("s3cret");
  });

  it("ends with 2 and the path of the bad key", async () => {
    const bad = join(folder, "bad.yaml");
    writeFileSync(bad, "http:\n  prt: 9000\n");
    const { exitCode, out, err } = await parley(["serve", "--check", "--config", bad]);
    expect([exitCode, out, err]).toEqual([2, "", `parley: ${bad}: http.prt: there is no such key; did you mean port\n`]);
  });
});
