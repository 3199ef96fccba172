import { systemClock } from "../core/clock.ts";
import { defaultLimits } from "../core/limits.ts";
import type { Provider } from "../core/ports.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";
import { parleyProviders, type ParleyProviderOptions } from "../providers/parley/parley.ts";
import { upstreamSettings } from "./http-provider.ts";

/** The providers of another Parley that asks for no key, unless told otherwise. */
export function testParleys(
  given: Partial<UpstreamSettings> & Pick<UpstreamSettings, "baseUrl">,
  options: Partial<ParleyProviderOptions> = {},
): readonly Provider[] {
  const settings = upstreamSettings({ name: "edge", kind: "parley", apiKeys: [], ...given });
  return parleyProviders({ settings, proxyFor: () => undefined, limits: defaultLimits, clock: systemClock, ...options });
}

/** The first of them. */
export function testParley(
  given: Partial<UpstreamSettings> & Pick<UpstreamSettings, "baseUrl">,
  options: Partial<ParleyProviderOptions> = {},
): Provider {
  const [provider] = testParleys(given, options);
  if (provider === undefined) throw new Error("there is no provider");
  return provider;
}
