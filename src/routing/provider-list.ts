import type { Provider } from "../core/ports.ts";
import type { Providers } from "../core/targets.ts";
import type { Directory } from "./directory.ts";

/** What stands behind the service; what runs on this machine has no breaker. */
export function providerList(names: Pick<Directory, "defaultModel" | "resolve">, providers: readonly Provider[]): Providers {
  return {
    list: () => providers.map(({ name }) => ({ name, kind: name, isAvailable: true, breaker: undefined, errorRate: undefined })),
    defaultProvider() {
      const name = names.defaultModel();
      return name === undefined ? "" : (names.resolve(name, "").stops[0]?.target.provider ?? "");
    },
  };
}
