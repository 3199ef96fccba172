import type { LoadedConfig } from "./config.ts";
import { systemClock } from "./core/clock.ts";
import type { Clock, Library, Log, Provider } from "./core/ports.ts";
import { openLibrary, type ModelLibrary } from "./library/library.ts";
import { llamaCpp } from "./providers/llama-cpp/llama-cpp.ts";
import type { Parts } from "./service-targets.ts";

/** Opens the model folder that a configuration names. Throws what `openLibrary` throws. */
export function openModelLibrary(
  { settings, hub, limits, variables }: LoadedConfig,
  log: Log,
  clock: Clock = systemClock,
): Promise<ModelLibrary> {
  return openLibrary({
    directory: settings.modelsDirectory,
    mirror: settings.modelMirror,
    dataDirectory: settings.dataDirectory,
    hub: { endpoint: hub.endpoint, token: hub.token?.reveal() },
    limits,
    variables: variables(),
    log,
    clock,
  });
}

/** The provider of models on this machine. */
export function localProvider({ loaded: { settings, limits }, clock, log, metrics }: Parts, library: Library): Provider {
  const { gpu, dataDirectory, defaultMaxTokens, defaultTemperature, modelOptions, memoryBytes, gpuMemoryBytes } = settings;
  const optionsOf = (id: string) => modelOptions[id];
  const memory = { memoryBytes, gpuMemoryBytes };
  return llamaCpp({
    ...memory,
    library,
    dataDirectory,
    observer: metrics.engines,
    clock,
    limits,
    log,
    gpu,
    defaultMaxTokens,
    defaultTemperature,
    optionsOf,
  });
}
