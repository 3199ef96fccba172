import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { stringify } from "yaml";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { release, render, type KubernetesObject } from "./helm.ts";
import { specOf } from "./rendered.ts";
import { describeWithTools } from "./scene.ts";
import { helm, helmNames } from "./tools.ts";

// The tools are fetched by the first run.
vi.setConfig({ testTimeout: 300_000 });

/** Values of Secrets, by name and key. */
type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

const bytes = (text: string) => Buffer.from(text).toString("base64");

/** What says that an object is the release's own. */
const ofRelease = {
  labels: { "app.kubernetes.io/managed-by": "Helm" },
  annotations: { "meta.helm.sh/release-name": release.name, "meta.helm.sh/release-namespace": release.namespace },
};

/** Kinds of objects that the chart renders by default, by the version of their interface. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  v1: ["Secret", "ConfigMap", "Service", "ServiceAccount", "Pod"],
  "apps/v1": ["Deployment"],
  "autoscaling/v2": ["HorizontalPodAutoscaler"],
  "networking.k8s.io/v1": ["NetworkPolicy"],
};

/** What a server says of itself: its version, and what it knows. */
function discovery(): Readonly<Record<string, object>> {
  const lists = Object.entries(kinds).map(([groupVersion, names]) => {
    const resources = names.map((kind) => {
      const singularName = kind.toLowerCase();
      const name = singularName.endsWith("y") ? `${singularName.slice(0, -1)}ies` : `${singularName}s`;
      return { name, singularName, namespaced: true, kind, verbs: ["get", "list", "create"] };
    });
    const path = groupVersion === "v1" ? "/api/v1" : `/apis/${groupVersion}`;
    return [path, { kind: "APIResourceList", groupVersion, resources }] as const;
  });
  const groups = Object.keys(kinds).flatMap((groupVersion) => {
    const [name = "", version] = groupVersion.split("/");
    return version === undefined ? [] : [{ name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } }];
  });
  return {
    "/version": { major: "1", minor: "36", gitVersion: "v1.36.0" },
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/apis": { kind: "APIGroupList", apiVersion: "v1", groups },
    ...Object.fromEntries(lists),
  };
}

/** What of an API server helm asks where a chart looks Secrets up: its version, its kinds, and the Secrets. Answers with the file by which it is reached. */
async function serverWith(secrets: Secrets, replicas?: number): Promise<string> {
  const namespaced = `/api/v1/namespaces/${release.namespace}/secrets/`;
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: release.name, ...ofRelease }, spec: { replicas } };
  const path = `/apis/apps/v1/namespaces/${release.namespace}/deployments/${release.name}`;
  const fixed = { ...discovery(), ...(replicas !== undefined && { [path]: deployment }) };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://server");
    const name = pathname.startsWith(namespaced) ? pathname.slice(namespaced.length) : "";
    const data = secrets[name];
    const secret = data && {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: release.namespace, ...ofRelease },
      data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, bytes(value)])),
    };
    const found = secret ?? (fixed as Readonly<Record<string, object>>)[pathname];
    const none = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", code: 404, message: "not found" };
    response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" }).end(JSON.stringify(found ?? none));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const file = join(await temporaryFolder(), "kubeconfig");
  const cluster = { name: "it", cluster: { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } };
  const context = { name: "it", context: { cluster: "it", user: "it" } };
  writeFileSync(
    file,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "it",
      clusters: [cluster],
      contexts: [context],
      users: [{ name: "it", user: {} }],
    }),
  );
  return file;
}

const secretOf = (objects: readonly KubernetesObject[]) =>
  objects.find(({ kind }) => kind === "Secret")?.["data"] as Readonly<Record<string, string>> | undefined;

const text = (value = "") => Buffer.from(value, "base64").toString();

function checksumOf(objects: readonly KubernetesObject[]): string | undefined {
  const deployment = objects.find(({ kind }) => kind === "Deployment");
  const spec = deployment?.["spec"] as {
    readonly template: { readonly metadata: { readonly annotations: Readonly<Record<string, string>> } };
  };
  return spec.template.metadata.annotations["checksum/upstream-keys"];
}

for (const name of helmNames) {
  describeWithTools(`Secrets that are in the cluster, by ${name}`, [await helm(name)], ([path = ""]) => {
    const seen = async (secrets: Secrets, words: readonly string[] = [], replicas?: number) =>
      render(path, ["--dry-run=server", "--disable-openapi-validation", "--kubeconfig", await serverWith(secrets, replicas), ...words]);

    it("give the generated key again, which is drawn where there is none", async () => {
      const drawn = secretOf(await seen({}));
      expect(text(drawn?.["api-key"])).toMatch(/^parley_[A-Za-z0-9]{43}$/);
      expect(text(secretOf(await seen({}))?.["api-key"])).not.toBe(text(drawn?.["api-key"]));
      const kept = secretOf(await seen({ "parley-keys": { "api-key": "parley_kept" } }));
      expect(text(kept?.["api-key"])).toBe("parley_kept");
      expect(JSON.parse(text(kept?.["keys.json"]))).toMatchObject({ keys: [{ key: "parley_kept" }] });
    });

    it("leave as many pods as there are where the autoscaler has taken over, or is about to", async () => {
      const scaled = ["--set", "autoscaling.enabled=true,replicas=3"];
      const replicasOf = (objects: readonly KubernetesObject[]) =>
        (specOf(objects, "Deployment") as { readonly replicas?: number }).replicas;
      expect(replicasOf(await seen({}, scaled))).toBeUndefined();
      expect(replicasOf(await seen({}, scaled, 5))).toBe(5);
      expect(replicasOf(await seen({}, scaled, 1))).toBe(2);
      expect(replicasOf(await seen({}, ["--set", "replicas=3"], 5))).toBe(3);
    });

    it("replace pods after a key of an upstream was changed, and not otherwise", async () => {
      const words = ["--set", "upstreamKeys.openai.secret=openai,upstreamKeys.openai.key=api-key"];
      const [before, same, other, unseen] = await Promise.all(
        [{ openai: { "api-key": "a" } }, { openai: { "api-key": "a", more: "b" } }, { openai: { "api-key": "c" } }, {}].map(
          async (secrets) => checksumOf(await seen(secrets, words)),
        ),
      );
      expect(before).toMatch(/^[0-9a-f]{64}$/);
      expect([same === before, other === before, unseen]).toEqual([true, false, undefined]);
    });
  });
}
