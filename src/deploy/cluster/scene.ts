import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { release } from "../chart/helm.ts";

const { namespace } = release;

/** A zone each, as far as a scheduler can tell. */
export const nodes: readonly object[] = ["a", "b", "c"].map((zone) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name: `node-${zone}`,
    labels: { "kubernetes.io/hostname": `node-${zone}`, "topology.kubernetes.io/zone": zone, type: "kwok" },
  },
  status: {
    allocatable: { cpu: "32", memory: "256Gi", pods: "110" },
    capacity: { cpu: "32", memory: "256Gi", pods: "110" },
  },
}));

/** A namespace that enforces the restricted Pod Security Standard, and warns of what it would refuse in templates. */
export function restricted(name: string): object {
  const labels = Object.fromEntries(["enforce", "warn", "audit"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "restricted"]));
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Who installs: an admin of one namespace, and nothing beyond it. */
export const deployer = { name: "deployer" } as const;

/** What lets him: Kubernetes' own role, and one for the objects that others add. */
export function rightsIn(name: string): readonly object[] {
  const subjects = [{ kind: "User", name: deployer.name, apiGroup: "rbac.authorization.k8s.io" }];
  const bind = (role: { readonly kind: string; readonly name: string }) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: `deployer-${role.name}`, namespace: name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", ...role },
    subjects,
  });
  const apiGroups = ["gateway.networking.k8s.io", "monitoring.coreos.com"];
  const rules = [{ apiGroups, resources: ["*"], verbs: ["*"] }];
  return [
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "added", namespace: name }, rules },
    bind({ kind: "ClusterRole", name: "admin" }),
    bind({ kind: "Role", name: "added" }),
  ];
}

/** Definitions of the objects that the Gateway API and the Prometheus operator add. */
export function definitionsIn(folder: string): readonly object[] {
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"));
  return texts.flatMap((text) => {
    const documents = parseAllDocuments(text);
    return (Array.isArray(documents) ? documents : [])
      .map((document) => document.toJS() as object | null)
      .filter((object) => object !== null);
  });
}

/** The release before this one, as it was packaged. */
export const previousChart: string = join(import.meta.dirname, "parley-0.1.0.tgz");

/** A pod that the standard refuses. */
const carelessPod = { containers: [{ name: "root", image: "parley", securityContext: { allowPrivilegeEscalation: true } }] };

/** It alone. */
export const refusedPod = { apiVersion: "v1", kind: "Pod", metadata: { name: "careless", namespace }, spec: carelessPod };

/** It in a Deployment, of whose template the server only warns. */
export const careless = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "careless", namespace },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "careless" } },
    template: { metadata: { labels: { app: "careless" } }, spec: carelessPod },
  },
};
