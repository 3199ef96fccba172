import { defaultSeccomp } from "./seccomp.ts";

/** A folder or file of this machine inside a container. */
export interface Bind {
  readonly source: string;
  readonly path: string;
  readonly isReadOnly?: boolean;
}

/** How a container is held. */
export interface Confinement {
  readonly uid: number;
  readonly gid: number;
  readonly isRootReadOnly: boolean;
  /** Undefined: no limit. */
  readonly memoryBytes?: number | undefined;
  /** CPUs; undefined: no limit. */
  readonly cpus?: number | undefined;
}

/** A process in a container. */
export interface ContainerSpec extends Confinement {
  readonly rootfs: string;
  readonly words: readonly string[];
  readonly environment: readonly string[];
  readonly folder: string;
  readonly binds: readonly Bind[];
  /** Folders in memory that the process may write to. */
  readonly emptyFolders: readonly string[];
  readonly hostname: string;
  /** Name of a network namespace. */
  readonly network: string;
  readonly cgroup: string;
}

const none: readonly string[] = [];
const noCapabilities = { bounding: none, effective: none, inheritable: none, permitted: none, ambient: none };

/** What runc is told: every capability dropped, no new privileges, the runtime's default seccomp profile, as the restricted Pod Security Standard has it. */
export function runcConfig(spec: ContainerSpec): object {
  const { uid, gid, words, environment, folder, isRootReadOnly, rootfs, hostname, network, cgroup } = spec;
  const seccomp = defaultSeccomp();
  return {
    ociVersion: "1.0.2",
    hostname,
    process: {
      terminal: false,
      user: { uid, gid, additionalGids: [gid] },
      args: words,
      env: environment,
      cwd: folder,
      capabilities: noCapabilities,
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: isRootReadOnly },
    mounts: mountsOf(spec),
    linux: {
      namespaces: [...["pid", "ipc", "uts", "mount"].map((type) => ({ type })), { type: "network", path: `/var/run/netns/${network}` }],
      cgroupsPath: cgroup,
      resources: { devices: [{ allow: false, access: "rwm" }], ...resourcesOf(spec) },
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"],
      readonlyPaths: ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
      ...(seccomp !== undefined && { seccomp }),
    },
  };
}

function resourcesOf({ memoryBytes, cpus }: Confinement): object {
  const periodUs = 100_000;
  return {
    ...(memoryBytes !== undefined && { memory: { limit: memoryBytes } }),
    ...(cpus !== undefined && { cpu: { quota: Math.round(cpus * periodUs), period: periodUs } }),
    pids: { limit: 1024 },
  };
}

function mountsOf({ binds, emptyFolders }: ContainerSpec): readonly object[] {
  const quiet = ["nosuid", "noexec", "nodev"];
  const memory = (path: string, options: readonly string[]) => ({ destination: path, type: "tmpfs", source: "tmpfs", options });
  return [
    { destination: "/proc", type: "proc", source: "proc" },
    memory("/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    },
    memory("/dev/shm", [...quiet, "mode=1777", "size=65536k"]),
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...quiet, "ro"] },
    // Programs read their limits of memory and CPU there.
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...quiet, "ro"] },
    ...emptyFolders.map((path) => memory(path, ["nosuid", "nodev", "mode=1777"])),
    ...binds.map(({ source, path, isReadOnly = false }) => ({
      destination: path,
      type: "bind",
      source,
      options: ["rbind", isReadOnly ? "ro" : "rw", "nosuid", "nodev"],
    })),
  ];
}
