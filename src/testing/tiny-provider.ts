import { systemClock } from "../core/clock.ts";
import { defaultLimits } from "../core/limits.ts";
import type { EngineObserver, Provider } from "../core/ports.ts";
import { llamaCpp } from "../providers/llama-cpp/llama-cpp.ts";
import { silentLog } from "../telemetry/log.ts";
import type { TinyGgufOptions } from "./tiny-gguf.ts";
import { tinyLibrary } from "./tiny-library.ts";

const blind: EngineObserver = { decoded() {}, queued() {}, waited() {}, loaded() {}, restarted() {} };

/** The provider of local models over one tiny model, `tiny`; its engine computes with one thread, so that its answers do not depend on what else runs. */
export async function tinyProvider(options: TinyGgufOptions = {}): Promise<{ provider: Provider; cleanUp(): Promise<void> }> {
  const library = await tinyLibrary();
  await library.add("tiny", options);
  const optionsOf = () => ({ threads: 1 });
  const provider = llamaCpp({
    library,
    observer: blind,
    clock: systemClock,
    limits: defaultLimits,
    log: silentLog,
    gpu: "none",
    optionsOf,
  });
  return { provider, cleanUp: () => library.close() };
}
