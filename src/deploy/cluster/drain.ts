import { setTimeout as sleep } from "node:timers/promises";
import { chart, release } from "../chart/helm.ts";
import type { Steps } from "../steps.ts";
import type { ClusterClient } from "./client.ts";
import { expectThat } from "./life.ts";

const { name, namespace } = release;
const selector = ["-n", namespace, "-l", `app.kubernetes.io/instance=${name},app.kubernetes.io/component=server`];

interface Pods {
  readonly items: readonly {
    readonly spec: { readonly nodeName?: string };
    readonly status: { readonly conditions?: readonly Condition[] };
  }[];
}

interface Condition {
  readonly type: string;
  readonly status: string;
}

/** Two nodes are emptied at once while no new pod can start: one pod may go, the next has to wait for its replacement. */
export async function pacedDrain({ step }: Steps, client: ClusterClient, operator: ClusterClient): Promise<void> {
  const pods = () => operator.get<Pods>("pods", ...selector);
  await step("helm install --wait of three pods with a disruption budget of one", async () => {
    await client.helm("install", name, chart, "--wait", "--timeout", "2m", "--set", "replicas=3", "--set", "disruptionBudget.enabled=true");
    const on = new Set((await pods()).items.map(({ spec }) => spec.nodeName));
    expectThat(on.size === 3, `the pods are on ${[...on].join(", ")} alone`);
    return `on ${[...on].join(", ")}`;
  });
  const evictions = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s"];
  await step("kubectl drain of two nodes stops after one pod, as the budget says", async () => {
    for (const node of ["a", "b", "c"]) await operator.kubectl("cordon", `node-${node}`);
    const drains = ["node-a", "node-b"].map((node) => operator.start("drain", node, ...evictions));
    await until(
      () => drains.some(({ output }) => output().includes("violate the pod's disruption budget")),
      30_000,
      () => drains.map(({ output }) => output()).join(),
    );
    const ready = (await pods()).items.filter(isReady).length;
    expectThat(ready === 2, `${ready} pods are ready`);
    await operator.kubectl("uncordon", "node-c");
    const codes = await Promise.all(drains.map(({ ended }) => ended));
    expectThat(
      codes.every((code) => code === 0),
      drains.map(({ output }) => output()).join("\n"),
    );
    const on = (await pods()).items.map(({ spec }) => spec.nodeName);
    expectThat(
      on.every((node) => node === "node-c"),
      `pods are on ${on.join(", ")}`,
    );
    return "2 of 3 pods stayed ready until a node was free again; then both drains ended";
  });
  await step("kubectl rollout status, and helm uninstall", async () => {
    for (const node of ["a", "b"]) await operator.kubectl("uncordon", `node-${node}`);
    await client.kubectl("rollout", "status", `deployment/${name}`, "--timeout=60s");
    await client.helm("uninstall", name, "--wait", "--timeout", "2m");
  });
}

function isReady({ status }: Pods["items"][number]): boolean {
  return status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
}

async function until(isSo: () => boolean, ms: number, otherwise: () => string): Promise<void> {
  for (const end = performance.now() + ms; !isSo(); await sleep(50)) if (performance.now() > end) throw new Error(otherwise());
}
