import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerOptions } from "../containers/container.ts";
import type { Bind } from "../containers/spec.ts";
import type { ClusterClient } from "./client.ts";

/** A pod as the API server has it: what of it a kubelet needs here. */
export interface Pod {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
    readonly terminationGracePeriodSeconds: number;
    readonly initContainers?: readonly PodContainer[];
    readonly containers: readonly PodContainer[];
    readonly volumes: readonly PodVolume[];
  };
}

/** One of its containers. */
export interface PodContainer {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly PodVariable[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources: { readonly limits?: { readonly memory?: string; readonly cpu?: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly securityContext: {
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[] };
  };
  readonly startupProbe?: PodProbe;
  readonly readinessProbe?: PodProbe;
  readonly livenessProbe?: PodProbe;
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } };
}

/** How a kubelet asks. */
export interface PodProbe {
  readonly httpGet: { readonly path: string; readonly port: string | number };
}

interface PodVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: object;
}

interface PodVolume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly emptyDir?: { readonly medium?: string };
}

/** A pod's volumes on this machine. */
export interface PodVolumes {
  readonly folders: ReadonlyMap<string, string>;
  /** Names of those that are in memory, and in no folder. */
  readonly inMemory: ReadonlySet<string>;
  remove(): Promise<void>;
}

/** Lays out a pod's volumes as a kubelet does: files of objects, and empty folders that the pod's group may write to. */
export async function layOutVolumes(pod: Pod, client: ClusterClient): Promise<PodVolumes> {
  const root = await mkdtemp(join(tmpdir(), "parley-pod-"));
  chmodSync(root, 0o755);
  const folders = new Map<string, string>();
  const { fsGroup } = pod.spec.securityContext;
  const inMemory = new Set(pod.spec.volumes.filter(({ emptyDir }) => emptyDir?.medium === "Memory").map(({ name }) => name));
  for (const { name, configMap, secret } of pod.spec.volumes) {
    if (inMemory.has(name)) continue;
    const folder = join(root, name);
    mkdirSync(folder);
    folders.set(name, folder);
    const files = configMap === undefined ? await secretFiles(client, secret?.secretName) : await configFiles(client, configMap.name);
    for (const [file, bytes] of files) writeFileSync(join(folder, file), bytes, { mode: 0o644 });
    chownSync(folder, 0, fsGroup);
    chmodSync(folder, files.length === 0 ? 0o2775 : 0o755);
  }
  return { folders, inMemory, remove: () => rm(root, { recursive: true }) };
}

type Files = readonly (readonly [name: string, bytes: Buffer])[];

async function configFiles(client: ClusterClient, name: string): Promise<Files> {
  const { data } = await client.get<{ data: Record<string, string> }>("configmap", name);
  return Object.entries(data).map(([file, text]) => [file, Buffer.from(text)]);
}

async function secretFiles(client: ClusterClient, name: string | undefined): Promise<Files> {
  if (name === undefined) return [];
  const { data } = await client.get<{ data: Record<string, string> }>("secret", name);
  return Object.entries(data).map(([file, text]) => [file, Buffer.from(text, "base64")]);
}

/** A container of a pod as runc is told of it, by the pod's own security context. Throws where that lets a process do more than the restricted standard. */
export function containerOptions(pod: Pod, container: PodContainer, { folders, inMemory }: PodVolumes): ContainerOptions {
  const { securityContext, resources, env = [], command, args } = container;
  const { runAsUser: uid, runAsGroup: gid } = pod.spec.securityContext;
  const { readOnlyRootFilesystem: isRootReadOnly, capabilities, allowPrivilegeEscalation } = securityContext;
  if (!capabilities.drop.includes("ALL") || allowPrivilegeEscalation)
    throw new Error(`${container.name} may more than runc would let it here`);
  const inFolders = container.volumeMounts.filter(({ name }) => !inMemory.has(name));
  const binds = inFolders.map(({ name, mountPath, readOnly }): Bind => {
    const source = folders.get(name);
    if (source === undefined) throw new Error(`the pod has no volume ${name}`);
    return { source, path: mountPath, isReadOnly: readOnly ?? false };
  });
  return {
    ...{
      uid,
      gid,
      isRootReadOnly,
      binds,
      emptyFolders: container.volumeMounts.filter((mount) => !inFolders.includes(mount)).map(({ mountPath }) => mountPath),
      hostname: pod.metadata.name,
    },
    memoryBytes: bytesOf(resources.limits?.memory),
    environment: env.map(variableText),
    entrypoint: command,
    words: args,
  };
}

/** Throws for one that is read from a Secret: nothing here lays that out. */
function variableText({ name, value = "", valueFrom }: PodVariable): string {
  if (valueFrom !== undefined) throw new Error(`the variable ${name} is read from elsewhere`);
  return `${name}=${value}`;
}

const units: Readonly<Record<string, number>> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, K: 1e3, M: 1e6, G: 1e9 };

function bytesOf(quantity: string | undefined): number | undefined {
  const [, number, unit = ""] = /^(\d+)([A-Za-z]*)$/.exec(quantity ?? "") ?? [];
  return number === undefined ? undefined : Number(number) * (units[unit] ?? 1);
}

/** Where a kubelet asks a probe: its path, and its port by number. Throws where the container has no such probe or port. */
export function probePlace(
  { ports = [], ...container }: PodContainer,
  kind: "startupProbe" | "readinessProbe" | "livenessProbe",
): { readonly path: string; readonly port: number } {
  const probe = container[kind]?.httpGet;
  if (probe === undefined) throw new Error(`${container.name} has no ${kind}`);
  const port = typeof probe.port === "number" ? probe.port : ports.find(({ name }) => name === probe.port)?.containerPort;
  if (port === undefined) throw new Error(`${kind} names the port ${probe.port}, which there is none of`);
  return { path: probe.path, port };
}
