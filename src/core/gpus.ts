/** What may compute models of this machine, as a configuration names it: `auto` takes the best that is there, `none` only the processor. */
export const gpus = ["auto", "none", "cuda", "vulkan", "metal"] as const;

/** One of them. */
export type Gpu = (typeof gpus)[number];

/** The one that a name means; undefined when it means none. */
export function gpuFrom(name: string): Gpu | undefined {
  return gpus.find((gpu) => gpu === name);
}
