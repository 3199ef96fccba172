import type { Llama } from "node-llama-cpp";
import type { EngineDevice } from "../protocol/load.ts";

/** Vector instructions as llama.cpp names them, the widest first. */
const vectorInstructions = ["AMX_INT8", "AVX512", "AVX2", "AVX", "SVE", "NEON", "VSX", "RVV"] as const;

/** What computes. */
export async function deviceOf(llama: Llama, threads: number): Promise<EngineDevice> {
  const names = llama.gpu === false ? [] : await llama.getGpuDeviceNames();
  return { gpu: llama.gpu, names, threads, instructions: widestInstructions(llama.systemInfo) };
}

/** The widest vector instructions of a line such as `CPU : AVX = 1 | AVX2 = 1 | NEON = 0`; empty when it names none. */
export function widestInstructions(systemInfo: string): string {
  const used = new Set([...systemInfo.matchAll(/(\w+) = 1\b/g)].map(([, name]) => name));
  return vectorInstructions.find((name) => used.has(name)) ?? "";
}
