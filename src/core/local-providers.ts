/** Whether a name is that of a provider of this machine: `llama-cpp`, which runs model files, or `echo`, which repeats. */
export function isLocalProvider(name: string): boolean {
  return name === "llama-cpp" || name === "echo";
}
