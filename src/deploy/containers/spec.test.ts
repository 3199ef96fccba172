import { expect, it } from "vitest";
import { runcConfig, type ContainerSpec } from "./spec.ts";

const spec: ContainerSpec = {
  ...{ uid: 65_532, gid: 65_532, isRootReadOnly: true, memoryBytes: 2 ** 30, cpus: 1.5 },
  ...{ rootfs: "/image", words: ["parley", "serve"], environment: ["A=b"], folder: "/", hostname: "pod", network: "net", cgroup: "/x" },
  binds: [{ source: "/keys", path: "/run/keys", isReadOnly: true }],
  emptyFolders: ["/tmp"],
};

interface Config {
  readonly process: { readonly capabilities: Readonly<Record<string, readonly string[]>> };
  readonly mounts: readonly { readonly destination: string; readonly options?: readonly string[] }[];
  readonly linux: object;
}

it("holds a process by the restricted standard: its user, no capability, no new privileges, a root that it cannot write to", () => {
  const config = runcConfig(spec) as Config;
  expect(config).toMatchObject({
    process: { user: { uid: 65_532, gid: 65_532 }, args: ["parley", "serve"], noNewPrivileges: true },
    root: { path: "/image", readonly: true },
  });
  expect(Object.values(config.process.capabilities).flat()).toEqual([]);
});

it("gives it the memory, the CPUs and the network that it was told", () => {
  expect((runcConfig(spec) as Config).linux).toMatchObject({
    resources: { memory: { limit: 2 ** 30 }, cpu: { quota: 150_000, period: 100_000 } },
    namespaces: expect.arrayContaining([{ type: "network", path: "/var/run/netns/net" }]) as unknown,
  });
  const { resources } = (runcConfig({ ...spec, memoryBytes: undefined, cpus: undefined }) as { linux: { resources: object } }).linux;
  expect(resources).not.toHaveProperty("memory");
  expect(resources).not.toHaveProperty("cpu");
});

it("mounts what is read-only so, and folders of its own in memory", () => {
  const { mounts } = runcConfig(spec) as Config;
  const at = (path: string) => mounts.find(({ destination }) => destination === path);
  expect(at("/run/keys")?.options).toContain("ro");
  expect(at("/tmp")).toMatchObject({ type: "tmpfs" });
  expect(at("/sys/fs/cgroup")?.options).toContain("ro");
});
