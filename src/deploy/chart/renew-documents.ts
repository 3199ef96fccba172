import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chart } from "./helm.ts";
import { renewedReadme } from "./readme.ts";
import { valuesSchemaFile } from "./values-schema.ts";
import { writeChanged } from "./write-changed.ts";

// Part of `npm run generate`: the schema of the chart's values follows the configuration, and its README the values.

const readme = join(chart, "README.md");
writeChanged(join(chart, "values.schema.json"), valuesSchemaFile());
writeChanged(readme, renewedReadme(readFileSync(readme, "utf8"), readFileSync(join(chart, "values.yaml"), "utf8")));
