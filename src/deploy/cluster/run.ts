import { setTimeout as sleep } from "node:timers/promises";
import { chart, release } from "../chart/helm.ts";
import { customDefinitions, helm, helmNames, kubectl, type Found } from "../chart/tools.ts";
import { steps } from "../steps.ts";
import { ensureBinaries, kubernetesVersion, whyNoCluster } from "./binaries.ts";
import { clusterClient, type ClusterClient } from "./client.ts";
import { pacedDrain } from "./drain.ts";
import { releaseLife } from "./life.ts";
import { startPlane, type Plane } from "./plane.ts";
import { realPod } from "./real-pod.ts";
import { everyScenario } from "./scenarios.ts";
import { careless, definitionsIn, deployer, nodes, refusedPod, restricted, rightsIn } from "./scene.ts";

/*
 * `npm run cluster`: installs the chart on a real API server with its controllers and its scheduler, by each helm, and runs the pod that comes of it.
 * Nodes are played by kwok, so nothing runs inside the cluster's pods; what a pod does is tried by runc.
 */

const all = steps("cluster");
const { step, skip, part, fail, end } = all;

const whyNot = whyNoCluster();
if (whyNot === undefined) await everything().catch(fail);
else skip("the cluster", whyNot);
process.exit(end());

async function everything(): Promise<void> {
  part(`a control plane: Kubernetes ${kubernetesVersion}, Pod Security restricted and enforced, RBAC on`);
  await step("its programs are there", ensureBinaries);
  const tools = await step("helm, kubectl and definitions are there", findTools, () => helmNames.join(", "));
  const plane = await step("it starts", startPlane, () => "kine, kube-apiserver, kube-controller-manager, kube-scheduler, kwok");
  try {
    await onPlane(plane, tools);
  } finally {
    await plane.stop();
  }
}

interface Tools {
  readonly helms: readonly string[];
  readonly kubectl: string;
  readonly definitions: string;
}

async function findTools(): Promise<Tools> {
  const [kubectlPath, definitions, ...helms] = await Promise.all([kubectl(), customDefinitions(), ...helmNames.map((name) => helm(name))]);
  return { helms: helms.map(pathOf), kubectl: pathOf(kubectlPath), definitions: pathOf(definitions) };
}

function pathOf(found: Found): string {
  if ("missing" in found) throw new Error(found.missing);
  return found.path;
}

async function onPlane(plane: Plane, { helms, kubectl: kubectlPath, definitions }: Tools): Promise<void> {
  const [own, theirs] = [await plane.kubeconfigOf({ name: "operator", group: "system:masters" }), await plane.kubeconfigOf(deployer)];
  const as = (kubeconfig: string, helmPath: string) =>
    clusterClient({ kubectl: kubectlPath, helm: helmPath, kubeconfig, namespace: release.namespace });
  const operator = as(own, helms[0] ?? "");
  const clients = helms.map((path) => as(theirs, path));
  await step("it has three nodes, a namespace, and somebody who may install there and nowhere else", () =>
    furnish({ operator, deployers: clients, definitions }),
  );
  const [newest] = clients.toReversed();
  if (newest === undefined) throw new Error("there is no helm");
  for (const [index, client] of clients.entries()) {
    part(`a release, by ${helmNames[index]}`);
    await releaseLife(all, client);
  }
  part("a drain");
  await pacedDrain(all, newest, operator);
  part("every scenario of helm/ci");
  await everyScenario(all, newest, operator);
  part("warnings");
  await step("the server warned of nothing so far", async () => noWarning(clients));
  for (const [index, client] of clients.entries()) await carelessness(client, helmNames[index] ?? "");
  part("the pod, run for real by runc");
  await realPod(all, newest);
  await step("the server warned of nothing there either", async () => noWarning(clients));
}

function noWarning(clients: readonly ClusterClient[]): void {
  const warnings = clients.flatMap((client) => client.takeWarnings());
  if (warnings.length > 0) throw new Error(warnings.join("\n"));
}

/** Sees to it that the standard is enforced, and that a warning of the server would be seen. */
async function carelessness(client: ClusterClient, helmName: string): Promise<void> {
  await step(`${helmName}: a careless pod is refused, and a careless template's warning is seen`, async () => {
    const refusal = await client.apply([refusedPod]).catch(String);
    if (!refusal.includes('violates PodSecurity "restricted')) throw new Error(`it was not refused: ${refusal}`);
    await client.helm("install", "careless", chart, "--set-json", `extraObjects=[${JSON.stringify(careless)}]`);
    await client.helm("uninstall", "careless");
    const seen = client.takeWarnings();
    if (!seen.some((line) => line.includes("would violate PodSecurity"))) throw new Error(`seen were ${seen.join("; ") || "none"}`);
  });
}

async function furnish({
  operator,
  deployers,
  definitions,
}: {
  operator: ClusterClient;
  deployers: readonly ClusterClient[];
  definitions: string;
}) {
  await operator.apply([...nodes, restricted(release.namespace)]);
  await operator.apply([...rightsIn(release.namespace), ...definitionsIn(definitions)]);
  await operator.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s");
  // A controller puts the role together of others.
  for (let left = 100; left > 0; left--) {
    const may = await Promise.all(deployers.map((client) => client.kubectl("auth", "can-i", "create", "secrets").catch(() => "no")));
    if (may.every((answer) => answer.trim() === "yes")) return;
    await sleep(100);
  }
  throw new Error("the role admin does not let the deployer write secrets");
}
