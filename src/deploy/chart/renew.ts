import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chart, goldenOf, goldenText, render, scenarios, valuesOf } from "./helm.ts";
import { renewedReadme } from "./readme.ts";
import { helm } from "./tools.ts";
import { valuesSchemaFile } from "./values-schema.ts";

// `npm run chart`: writes what is made of other files: the schema of the values, the chart's README, and the render of each scenario.

async function renew(): Promise<void> {
  write(join(chart, "values.schema.json"), valuesSchemaFile());
  const readme = join(chart, "README.md");
  write(readme, renewedReadme(readFileSync(readme, "utf8"), readFileSync(join(chart, "values.yaml"), "utf8")));
  const found = await helm("helm 4.2");
  if ("missing" in found) throw new Error(found.missing);
  for (const scenario of scenarios()) write(goldenOf(scenario), goldenText(await render(found.path, ["--values", valuesOf(scenario)])));
}

function write(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file}\n`);
}

await renew();
