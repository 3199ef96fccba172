import type { LoadedConfig } from "./config.ts";
import { systemClock } from "./core/clock.ts";
import type { Clock, Log } from "./core/ports.ts";
import { openLibrary, type ModelLibrary } from "./library/library.ts";

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
