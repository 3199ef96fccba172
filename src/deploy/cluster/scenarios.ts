import { chart, release, scenarios, valuesOf, objectsIn } from "../chart/helm.ts";
import type { Steps } from "../steps.ts";
import type { ClusterClient } from "./client.ts";
import { deployer, restricted, rightsIn } from "./scene.ts";

/** Installs every scenario of the chart in a namespace of its own, and has the server show each object that was rendered. Pods need not start: what they would need is not here. */
export async function everyScenario({ step }: Steps, client: ClusterClient, operator: ClusterClient): Promise<void> {
  const seen = new Map<string, number>();
  for (const scenario of scenarios()) {
    const namespace = `scenario-${scenario}`;
    await step(`the server takes every object of ${scenario}`, async () => {
      await operator.apply([restricted(namespace)]);
      await operator.apply(rightsIn(namespace));
      const words = ["--namespace", namespace, "-f", valuesOf(scenario)];
      await client.helm("install", release.name, chart, ...words);
      const objects = objectsIn(await client.helm("get", "manifest", release.name, "--namespace", namespace));
      for (const { kind, metadata } of objects) {
        await client.kubectl("get", kind, metadata.name, "--namespace", namespace, "-o", "name");
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }
      await client.helm("uninstall", release.name, "--namespace", namespace);
      return `${objects.length} objects`;
    });
  }
  await step(`${deployer.name} needed no right beyond its namespace`, async () => {
    const may = await client.kubectl("auth", "can-i", "create", "clusterrole").catch(() => "no");
    if (may.trim() !== "no") throw new Error(`may it create cluster roles? ${may}`);
    return [...seen]
      .toSorted(([one], [other]) => one.localeCompare(other))
      .map(([kind, count]) => `${count} ${kind}`)
      .join(", ");
  });
}
