import { describe, it } from "vitest";
import type { Found } from "./tools.ts";

/** Tests that need tools which a registry gives: where one cannot be had they are skipped, and their name says why. `paths` are in the order of the tools. */
export function describeWithTools(name: string, found: readonly Found[], tests: (paths: readonly string[]) => void): void {
  const [why] = found.flatMap((tool) => ("missing" in tool ? [tool.missing] : []));
  const paths = found.flatMap((tool) => ("path" in tool ? [tool.path] : []));
  if (why === undefined) describe(name, () => tests(paths));
  else describe.skip(`${name} (skipped: ${why})`, () => it("needs its tools", () => {}));
}
