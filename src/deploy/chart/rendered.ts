import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { render, type KubernetesObject } from "./helm.ts";

/** What a helm makes of the chart with these values. Throws with what it says where it refuses them. */
export async function rendered(helm: string, values: object, words: readonly string[] = []): Promise<readonly KubernetesObject[]> {
  const file = join(await temporaryFolder(), "values.json");
  writeFileSync(file, JSON.stringify(values));
  return render(helm, ["--values", file, ...words]);
}

/** The spec of the only object of a kind. */
export function specOf(objects: readonly KubernetesObject[], kind: string): unknown {
  return objects.find((object) => object.kind === kind)?.["spec"];
}
