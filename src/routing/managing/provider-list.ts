import { isLocalProvider } from "../../core/local-providers.ts";
import type { ProviderHealth, Providers } from "../../core/provider-report.ts";
import type { Directory } from "../naming/directory.ts";

/** A provider by its name, and what it speaks. */
export interface NamedProvider {
  readonly name: string;
  /** Such as `openai`; for what runs on this machine, the name again. */
  readonly kind: string;
}

/** How an upstream fares. */
export interface HealthSource {
  readonly healthOf: (provider: string) => ProviderHealth;
}

/** What runs on this machine has no breaker. */
const here: ProviderHealth = { isAvailable: true, breaker: undefined, errorRate: undefined };

/** What stands behind the service, and how it fares. */
export function providerList(
  names: Pick<Directory, "defaultModel" | "resolve">,
  providers: readonly NamedProvider[],
  health: HealthSource,
): Providers {
  return {
    list: () => providers.map(({ name, kind }) => ({ name, kind, ...(isLocalProvider(name) ? here : health.healthOf(name)) })),
    defaultProvider() {
      const name = names.defaultModel();
      return name === undefined ? "" : (resolved(names, name) ?? "");
    },
  };
}

/** A default that is not on disk yet is nobody's. */
function resolved(names: Pick<Directory, "resolve">, name: string): string | undefined {
  try {
    return names.resolve(name, "").stops[0]?.target.provider;
  } catch {
    return undefined;
  }
}
