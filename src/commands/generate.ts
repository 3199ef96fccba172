import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../config/settings.ts";
import {
  combinationsTableMarkdown,
  environmentExample,
  environmentTableMarkdown,
  limitsTableMarkdown,
  refreshSection,
} from "../environment/document.ts";
import type { Host } from "./host.ts";

/** Renews what is written from the tables: `.env.example`, and the README's sections that stand between markers. */
export function generate({ out }: Host, root = packageRoot): void {
  const documents: readonly (readonly [file: string, renew: (before: string) => string])[] = [
    [".env.example", environmentExample],
    ["README.md", renewReadme],
  ];
  for (const [name, renew] of documents) {
    const file = join(root, name);
    const before = existsSync(file) ? readFileSync(file, "utf8") : "";
    const after = renew(before);
    if (after === before) continue;
    writeFileSync(file, after);
    out.write(`wrote ${name}\n`);
  }
}

function renewReadme(before: string): string {
  const tables = { environment: environmentTableMarkdown, limits: limitsTableMarkdown, combinations: combinationsTableMarkdown };
  return Object.entries(tables).reduce((readme, [name, table]) => refreshSection(readme, name, table()), before);
}
