import { expect, it } from "vitest";
import { containerOptions, probePlace, type Pod, type PodContainer } from "./pod.ts";

const container: PodContainer = {
  name: "parley",
  args: ["serve"],
  env: [{ name: "LLM_OPEN", value: "false" }, { name: "EMPTY" }],
  ports: [{ name: "admin", containerPort: 9090 }],
  resources: { limits: { memory: "3Gi" } },
  volumeMounts: [
    { name: "keys", mountPath: "/run/keys", readOnly: true },
    { name: "shared", mountPath: "/dev/shm" },
  ],
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  startupProbe: { httpGet: { path: "/readyz", port: "admin" } },
  livenessProbe: { httpGet: { path: "/livez", port: "http" } },
};

const pod: Pod = {
  metadata: { name: "pod-1" },
  spec: {
    securityContext: { runAsUser: 65_532, runAsGroup: 65_532, fsGroup: 65_532 },
    terminationGracePeriodSeconds: 140,
    containers: [container],
    volumes: [],
  },
};

const volumes = { folders: new Map([["keys", "/there"]]), inMemory: new Set(["shared"]), remove: async () => {} };

it("runs a pod's container by the pod's user, limits and mounts", () => {
  expect(containerOptions(pod, container, volumes)).toMatchObject({
    ...{ uid: 65_532, gid: 65_532, isRootReadOnly: true, memoryBytes: 3 * 2 ** 30, hostname: "pod-1", words: ["serve"] },
    binds: [{ source: "/there", path: "/run/keys", isReadOnly: true }],
    emptyFolders: ["/dev/shm"],
    environment: ["LLM_OPEN=false", "EMPTY="],
  });
});

it("runs none that may more, or whose volume is missing", () => {
  const keeps = { ...container, securityContext: { ...container.securityContext, capabilities: { drop: [] } } };
  expect(() => containerOptions(pod, keeps, volumes)).toThrow("may more");
  const rises = { ...container, securityContext: { ...container.securityContext, allowPrivilegeEscalation: true } };
  expect(() => containerOptions(pod, rises, volumes)).toThrow("may more");
  expect(() => containerOptions(pod, container, { ...volumes, folders: new Map() })).toThrow("no volume keys");
});

it("finds a probe's port by its name, and tells a name that there is none of", () => {
  expect(probePlace(container, "startupProbe")).toEqual({ path: "/readyz", port: 9090 });
  expect(() => probePlace(container, "livenessProbe")).toThrow("the port http");
  expect(() => probePlace(container, "readinessProbe")).toThrow("no readinessProbe");
});
