import type { EngineDevice } from "../../engine/protocol/load.ts";

const libraries = { cuda: "CUDA", vulkan: "Vulkan", metal: "Metal" } as const;

/** The GPU that is used, for people: `CUDA (NVIDIA H200)`, or `none (CPU, 2 threads, AVX2)`. */
export function deviceText({ gpu, names, threads, instructions }: EngineDevice): string {
  if (gpu !== false) return `${libraries[gpu]} (${names.join(", ") || "without a name"})`;
  return `none (${["CPU", `${threads} ${threads === 1 ? "thread" : "threads"}`, instructions].filter(Boolean).join(", ")})`;
}
