import { goldenOf, goldenText, render, scenarios, valuesOf } from "./helm.ts";
import { helm } from "./tools.ts";
import { writeChanged } from "./write-changed.ts";

// Part of `npm run chart`: what each scenario renders.

const found = await helm("helm 4.2");
if ("missing" in found) throw new Error(found.missing);
for (const scenario of scenarios())
  writeChanged(goldenOf(scenario), goldenText(await render(found.path, ["--values", valuesOf(scenario)])));
