import { onTestFinished } from "vitest";
import { systemClock } from "../core/clock.ts";
import type { CallContext } from "../core/context.ts";
import { defaultLimits } from "../core/limits.ts";
import type { Provider } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";
import type { UpstreamSettings } from "../core/upstreams.ts";
import { openaiDialect } from "../dialects/openai/upstream/dialect.ts";
import { httpProviders, type HttpProviderOptions } from "../providers/http/http.ts";
import { testContext } from "./call-context.ts";
import { userRequest } from "./sample-request.ts";
import { startUpstream, type UpstreamOptions } from "./upstream/upstream.ts";

/** Settings of an upstream with one key, whose limits no test reaches by accident; `given` says what matters. */
export function upstreamSettings(given: Partial<UpstreamSettings> & Pick<UpstreamSettings, "baseUrl">): UpstreamSettings {
  return {
    name: "up",
    kind: "openai",
    apiKeys: [new Secret("sk-operator-1")],
    defaultModel: undefined,
    times: { connectMs: 5000, wholeMs: 60_000, firstTokenMs: 60_000, idleMs: 60_000, totalMs: 60_000 },
    prices: {},
    disconnect: "none",
    takesCallerKeys: false,
    concurrency: undefined,
    models: [],
    unknownModels: "pass",
    headers: {},
    quirks: {},
    ...given,
  };
}

/** The providers of an upstream that speaks OpenAI's format unless another dialect is given. */
export function testProviders(
  given: Partial<UpstreamSettings> & Pick<UpstreamSettings, "baseUrl">,
  options: Partial<HttpProviderOptions> = {},
): readonly Provider[] {
  const settings = upstreamSettings(given);
  return httpProviders({
    settings,
    dialect: options.dialect ?? openaiDialect(settings),
    proxy: { http: undefined, https: undefined, none: undefined },
    limits: defaultLimits,
    clock: systemClock,
    ...options,
  });
}

/** What a test gives of an upstream and its providers. */
export type Opening = Partial<UpstreamSettings> & {
  readonly upstream?: UpstreamOptions;
  readonly options?: Partial<HttpProviderOptions>;
};

/** Starts an upstream with its providers; both end with the test. */
export async function openProviders({ upstream: script = {}, options = {}, ...settings }: Opening = {}) {
  const upstream = await startUpstream(script);
  onTestFinished(() => upstream.close());
  const providers = testProviders({ baseUrl: upstream.url, ...settings }, options);
  onTestFinished(async () => {
    await Promise.all(providers.map((provider) => provider.close()));
  });
  const [provider] = providers;
  if (provider === undefined) throw new Error("an upstream has at least one provider");
  return { upstream, provider, providers };
}

/** A request that every upstream for tests answers. */
export const chatRequest = userRequest("hi", { model: "m" });

/** The context of a caller that reads as it comes. */
export function streaming(more: Partial<CallContext> = {}): CallContext {
  return { ...testContext(chatRequest), isWhole: false, ...more };
}

/** The context of a caller that reads nothing before the end. */
export function whole(more: Partial<CallContext> = {}): CallContext {
  return { ...testContext(chatRequest), isWhole: true, ...more };
}
