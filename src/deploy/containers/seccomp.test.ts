import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { defaultSeccomp } from "./seccomp.ts";

it("takes of a profile what holds without capabilities on one architecture", async () => {
  const file = join(await temporaryFolder(), "seccomp.json");
  const allow = (names: readonly string[], more: object = {}) => ({ names, action: "SCMP_ACT_ALLOW", ...more });
  const syscalls = [
    allow(["read"], { args: null, includes: {}, excludes: {} }),
    allow(["mount"], { includes: { caps: ["CAP_SYS_ADMIN"] } }),
    { names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 1, excludes: { caps: ["CAP_SYS_ADMIN"] } },
    allow(["arch_prctl"], { includes: { arches: ["amd64"] } }),
    allow(["breakpoint"], { includes: { arches: ["arm64"] } }),
    allow(["personality"], { args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] }),
  ];
  writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls }));
  expect(defaultSeccomp(file, "x64")).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 38,
    architectures: ["SCMP_ARCH_X86_64"],
    syscalls: [
      allow(["read"]),
      { names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      allow(["arch_prctl"]),
      allow(["personality"], { args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] }),
    ],
  });
  expect(defaultSeccomp(join(file, "absent"), "x64")).toBeUndefined();
});
