import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { chart } from "./helm.ts";

/** A chart that contains ours once for each of these values, under the names `v0`, `v1` and so on: one run of helm judges them all. */
export async function chartOfMany(values: readonly unknown[]): Promise<string> {
  const folder = await temporaryFolder();
  const names = values.map((_, index) => `v${index}`);
  cpSync(chart, join(folder, "charts", "parley"), { recursive: true, filter: (file) => !file.includes("/ci") });
  const dependencies = names.map((alias) => ({ name: "parley", version: "*", alias }));
  writeFileSync(join(folder, "Chart.yaml"), stringify({ apiVersion: "v2", name: "many", version: "1.0.0", dependencies }));
  // JSON quotes what other readers of YAML take for a truth or a number.
  writeFileSync(join(folder, "values.yaml"), JSON.stringify(Object.fromEntries(names.map((name, index) => [name, values[index]]))));
  return folder;
}
