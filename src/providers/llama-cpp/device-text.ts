import type { EngineDevice } from "../../engine/protocol.ts";

/** What computes, for people: `CPU, 2 threads, AVX2; no GPU`, or `CUDA: NVIDIA H200`. */
export function deviceText({ gpu, names, threads, instructions }: EngineDevice): string {
  if (gpu !== false)
    return `${gpu === "cuda" ? "CUDA" : gpu[0]?.toUpperCase() + gpu.slice(1)}: ${names.join(", ") || "a GPU without a name"}`;
  const parts = ["CPU", `${threads} ${threads === 1 ? "thread" : "threads"}`, instructions].filter((part) => part !== "");
  return `${parts.join(", ")}; no GPU`;
}
