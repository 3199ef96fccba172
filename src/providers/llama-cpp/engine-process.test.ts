import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { engineEnvironment } from "./engine-process.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

it("an engine gets the variables it needs, one libuv thread, and no secret", () => {
  const given = {
    PATH: "/bin",
    CUDA_VISIBLE_DEVICES: "0",
    OPENAI_API_KEY: "sk-1",
    LLM_API_KEYS: "k",
    NODE_OPTIONS: "--inspect",
    UV_THREADPOOL_SIZE: "4",
  };
  expect(engineEnvironment(given)).toEqual({
    PATH: "/bin",
    CUDA_VISIBLE_DEVICES: "0",
    UV_THREADPOOL_SIZE: "1",
    GLIBC_TUNABLES: "glibc.malloc.hugetlb=1",
  });
});

it("what an operator says of memory comes after what an engine is given, and so has the last word", () => {
  const { GLIBC_TUNABLES } = engineEnvironment({ GLIBC_TUNABLES: "glibc.malloc.hugetlb=0:glibc.malloc.arena_max=1" });
  expect(GLIBC_TUNABLES).toBe("glibc.malloc.hugetlb=1:glibc.malloc.hugetlb=0:glibc.malloc.arena_max=1");
});

it("no engine outlives its parent, though the parent is killed", async () => {
  const parent = spawn(process.execPath, [fileURLToPath(new URL("../../testing/tiny-parent.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const engine = Number(line.toString());
  expect(() => process.kill(engine, 0)).not.toThrow();
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(() => process.kill(engine, 0)).toThrow("ESRCH"), { timeout: 10_000, interval: 20 });
});
