import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join, relative } from "node:path";
import type { Report } from "./bench.ts";

/** Keeps a report as text and as JSON, with the machine and the command; answers with the text's path. */
export function writeResult(name: string, command: readonly string[], report: Report): string {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const date = new Date().toISOString();
  const about = { date, command: `npm run bench -- ${command.join(" ")}`, commit: commit(), machine: machine() };
  const path = join(folder, `${name}-${date.slice(0, 19).replaceAll(":", "")}`);
  const head = [`${about.date}  ${about.commit}`, about.command, about.machine, ""];
  writeFileSync(`${path}.txt`, `${[...head, ...report.lines].join("\n")}\n`);
  writeFileSync(`${path}.json`, `${JSON.stringify({ ...about, data: report.data }, undefined, 2)}\n`);
  return relative(process.cwd(), `${path}.txt`);
}

function machine(): string {
  const processors = cpus();
  return `Node ${process.version}, ${processors.length} x ${processors[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
}

/** Empty outside a git checkout. */
function commit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { cwd: import.meta.dirname, encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
