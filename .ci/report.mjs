// Reads vitest's JSON report: names what failed and what was skipped, and ends with a line of the two counts. A test that was skipped because there is no
// model counts as failed: the model can be had wherever this runs.
import { existsSync, readFileSync } from "node:fs";

const [file] = process.argv.slice(2);
if (!existsSync(file)) {
  console.log("vitest wrote no report\n0 1");
} else {
  const { testResults } = JSON.parse(readFileSync(file, "utf8"));
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const skipped = tests.filter(({ status }) => ["skipped", "pending", "todo", "disabled"].includes(status));
  const modelless = skipped.filter(({ fullName }) => fullName.includes("skipped: no model"));
  const failed = tests.filter(({ status }) => status === "failed");
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  for (const { fullName } of skipped) console.log(`skipped: ${fullName}`);
  for (const { fullName } of failed) console.log(`failed: ${fullName}`);
  for (const { name, message } of broken) console.log(`failed: ${name}: ${message}`);
  console.log(`${skipped.length} skipped`);
  console.log(`${tests.filter(({ status }) => status === "passed").length} ${failed.length + broken.length + modelless.length}`);
}
