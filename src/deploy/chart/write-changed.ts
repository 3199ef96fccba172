import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Writes a file that differs from what is there, and says so. */
export function writeChanged(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file}\n`);
}
