import { existsSync, readFileSync } from "node:fs";

/** Where Debian's container tools keep the profile that container runtimes use by default. */
const profile = "/usr/share/containers/seccomp.json";

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[] | null;
  readonly errnoRet?: number;
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
}

interface Conditions {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
}

const architecture: Readonly<Record<string, readonly [name: string, seccomp: string]>> = {
  x64: ["amd64", "SCMP_ARCH_X86_64"],
  arm64: ["arm64", "SCMP_ARCH_AARCH64"],
};

/** The default profile as runc takes it, for a process without capabilities on this machine; undefined where the profile is not here. */
export function defaultSeccomp(file = profile, arch: string = process.arch): object | undefined {
  const [name, seccomp] = architecture[arch] ?? [];
  if (name === undefined || !existsSync(file)) return undefined;
  const { defaultAction, syscalls } = JSON.parse(readFileSync(file, "utf8")) as { defaultAction: string; syscalls: readonly Rule[] };
  const holds = ({ includes = {}, excludes = {} }: Rule) =>
    (includes.caps ?? []).length === 0 && (includes.arches?.includes(name) ?? true) && !(excludes.arches?.includes(name) ?? false);
  return {
    defaultAction,
    // Unknown, as a kernel without the call says: programs then try an older one.
    defaultErrnoRet: 38,
    architectures: [seccomp],
    syscalls: syscalls.filter(holds).map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args && args.length > 0 && { args }),
      ...(errnoRet !== undefined && { errnoRet }),
    })),
  };
}
