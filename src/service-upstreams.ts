import type { LoadedConfig } from "./config.ts";
import { originOf } from "./config/overlay.ts";
import type { Provider } from "./core/ports.ts";
import { asFault, fault, invalidField, reasonOf } from "./core/reasons.ts";
import { upstreamKindRow } from "./core/upstream-kinds.ts";
import type { UpstreamKind, UpstreamSettings } from "./core/upstreams.ts";
import { anthropicDialect } from "./dialects/anthropic/upstream/dialect.ts";
import { ollamaDialect } from "./dialects/ollama/upstream/dialect.ts";
import { openaiDialect } from "./dialects/openai/upstream/dialect.ts";
import { rawDialect } from "./dialects/raw/upstream/dialect.ts";
import type { UpstreamDialect } from "./dialects/upstream-dialect.ts";
import { httpProviders } from "./providers/http/http.ts";
import { wayTo } from "./providers/http/proxy.ts";
import { parleyProviders } from "./providers/parley/parley.ts";
import type { RoutedUpstream } from "./routing/naming/remote-targets.ts";
import type { Parts } from "./service-targets.ts";

/** An upstream of the configuration, with what asks it. */
export interface Upstream extends RoutedUpstream {
  readonly kind: UpstreamKind;
}

type UpstreamParts = Pick<Parts, "loaded" | "clock">;

/** Makes what asks each upstream; nothing is connected before the first call. Throws `invalid_request` for settings that its kind does not take. */
export function openUpstreams(parts: UpstreamParts): readonly Upstream[] {
  return parts.loaded.settings.upstreams.map((settings, index) => {
    const { name, kind, defaultModel, models, unknownModels, apiKeys, prices } = settings;
    const { ownNames } = upstreamKindRow(kind);
    const providers = blaming(`upstreams[${index}]`, parts.loaded, () => providersOf(settings, parts));
    const names = { name, defaultModel, models, unknownModels, ownNames, priced: new Set(Object.keys(prices)) };
    return { ...names, kind, hasKeys: apiKeys.length > 0, providers };
  });
}

/** What a dialect or a provider refuses of the settings, with the upstream's place in the configuration before it. */
function blaming<Made>(path: string, { origins }: Pick<LoadedConfig, "origins">, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    const { rawMessage } = asFault(error);
    if (reasonOf(error) !== "invalid_request") throw error;
    const where = [originOf(path, origins), path].filter((text) => text !== undefined && text !== "").join(": ");
    throw fault("invalid_request", `${where}: ${rawMessage}`, { cause: error });
  }
}

function providersOf(settings: UpstreamSettings, { loaded: { proxy, limits }, clock }: UpstreamParts): readonly Provider[] {
  if (settings.kind !== "parley") return httpProviders({ settings, dialect: dialects[settings.kind](settings), proxy, limits, clock });
  refuseQuirks(settings);
  return parleyProviders({ settings, proxyFor: (origin) => wayTo(origin, proxy).proxy, limits, clock });
}

function refuseQuirks({ kind, quirks }: Pick<UpstreamSettings, "kind" | "quirks">): void {
  const [name] = Object.keys(quirks);
  if (name !== undefined) throw invalidField(`quirks.${name}`, `upstreams of the kind ${kind} have no quirks; remove it`);
}

type MakeDialect = (settings: Pick<UpstreamSettings, "kind" | "quirks">) => UpstreamDialect;

/** What is spoken with upstreams behind HTTP. */
const dialects: Readonly<Record<Exclude<UpstreamKind, "parley">, MakeDialect>> = {
  openai: openaiDialect,
  anthropic: anthropicDialect,
  ollama: ollamaDialect,
  huggingface: openaiDialect,
  vllm: openaiDialect,
  lan: openaiDialect,
  deepseek: openaiDialect,
  openrouter: openaiDialect,
  lmstudio: openaiDialect,
  "llama-server": openaiDialect,
  raw: (settings) => (refuseQuirks(settings), rawDialect()),
};
