import { chart, release } from "../chart/helm.ts";
import type { Steps } from "../steps.ts";
import type { ClusterClient } from "./client.ts";
import { previousChart } from "./scene.ts";

const { name } = release;

interface Deployment {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
  };
  readonly status: { readonly readyReplicas?: number };
}

/** A release from its first install to its end, by one helm: every step is waited for, and what must stay stays. */
export async function releaseLife({ step }: Steps, client: ClusterClient): Promise<void> {
  const deployment = () => client.get<Deployment>("deployment", name);
  const key = async () => (await client.get<{ data: Record<string, string> }>("secret", `${name}-keys`)).data["api-key"] ?? "";
  const wait = ["--wait", "--timeout", "2m"];
  await step("helm install --wait, of the version before", async () => {
    await client.helm("install", name, previousChart, ...wait);
    return told(await deployment());
  });
  const [firstKey, first] = [await key(), await deployment()];
  await step("helm upgrade --wait, to this version and three pods", async () => {
    await client.helm("upgrade", name, chart, ...wait, "--set", "replicas=3", "--set", "config.limits.values.maxBodyBytes=1048576");
    const now = await deployment();
    expectThat(now.status.readyReplicas === 3, `${now.status.readyReplicas} of 3 pods are ready`);
    const checksum = "checksum/config";
    const [one, other] = [first, now].map(({ spec }) => spec.template.metadata.annotations[checksum]);
    expectThat(one !== other, "another configuration, and the pods stay");
    return told(now);
  });
  await step("helm rollback --wait", async () => {
    await client.helm("rollback", name, "1", ...wait);
    const now = await deployment();
    expectThat(versionOf(now) === versionOf(first) && now.spec.replicas === 1, `it is ${told(now)}`);
    return told(now);
  });
  await step("the generated key is the same over all of them", async () => {
    const now = await key();
    expectThat(now !== "" && now === firstKey, "the key has changed");
    const revisions = JSON.parse(await client.helm("history", name, "-o", "json")) as { revision: number; status: string }[];
    return revisions.map(({ revision, status }) => `${revision} ${status}`).join(", ");
  });
  await step("helm uninstall --wait, and nothing is left", async () => {
    await client.helm("uninstall", name, ...wait);
    const left = await client.kubectl("get", "all,configmap,secret,pdb,hpa,networkpolicy,pvc,serviceaccount", "-o", "name");
    const ours = left.split("\n").filter((line) => line.includes(name));
    expectThat(ours.length === 0, `left: ${ours.join(", ")}`);
  });
}

/** Throws with the words unless it is so. */
export function expectThat(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

function versionOf({ metadata }: Deployment): string {
  return metadata.labels["helm.sh/chart"] ?? "";
}

function told(deployment: Deployment): string {
  return `${versionOf(deployment)}, ${deployment.status.readyReplicas ?? 0} of ${deployment.spec.replicas} pods ready`;
}
