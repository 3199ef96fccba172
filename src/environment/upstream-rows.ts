import { textOf } from "./text-of.ts";
import type { Variables } from "../core/child-environment.ts";
import { upstreamKindRow } from "../core/upstream-kinds.ts";
import type { UpstreamKind } from "../core/upstreams.ts";
import { row, type Alias, type EnvironmentRow } from "./row.ts";
import { numberType, switchType, textType, urlType, secretsType, type ValueType } from "./values.ts";
import { ollamaHostType, versionedUrlType } from "./upstream-values.ts";

/** Seconds, kept as such. */
const plainSecondsType: ValueType = { ...numberType, name: "seconds", expects: "a number of seconds" };

/** What one upstream's variables are called, and what holds where they say nothing. */
interface NamedUpstream {
  readonly name: UpstreamKind;
  /** For people. */
  readonly title: string;
  readonly baseUrl: string;
  readonly baseUrlAliases?: readonly (string | Alias)[];
  /** Absent: it wants none. */
  readonly keyAliases?: readonly (string | Alias)[];
  readonly model: string;
  /** Name of the variable of its default model, where it is no `_DEFAULT_MODEL`. */
  readonly modelVariable?: string;
  readonly modelAliases?: readonly string[];
  readonly seconds: number;
}

const ofTheServer = "whatever the server has loaded";

/** Upstreams that the environment can name. Its key or its base URL makes one; so does being the default provider or a fallback. */
const namedUpstreams: readonly NamedUpstream[] = [
  named({ name: "openai", title: "OpenAI", keyAliases: ["OPENAI_API_KEY"] }),
  named({
    name: "anthropic",
    title: "Anthropic",
    keyAliases: ["ANTHROPIC_API_KEY"],
  }),
  named({
    name: "ollama",
    title: "Ollama",
    baseUrlAliases: [{ name: "OLLAMA_HOST", type: ollamaHostType }],
  }),
  named({
    name: "huggingface",
    title: "Hugging Face",
    keyAliases: ["HUGGINGFACE_API_KEY"],
    modelVariable: "LLM_HUGGINGFACE_MODEL",
    modelAliases: ["HUGGINGFACE_MODEL"],
  }),
  named({
    name: "vllm",
    title: "vLLM",
    baseUrlAliases: [{ name: "VLLM_URL", type: versionedUrlType }],
    keyAliases: [],
  }),
  named({
    name: "lan",
    title: "another Parley, or any server of OpenAI's shape",
    baseUrlAliases: [{ name: "LLM_BASE_URL", type: versionedUrlType }],
    keyAliases: [{ name: "LLM_API_KEY", type: secretsType, when: isLanChosen }],
  }),
];

function named(facts: Omit<NamedUpstream, "baseUrl" | "model" | "seconds">): NamedUpstream {
  const { baseUrl = "", defaultModel = "", timeoutMs } = upstreamKindRow(facts.name);
  return { baseUrl, model: defaultModel === "" ? ofTheServer : defaultModel, seconds: timeoutMs / 1000, ...facts };
}

/** Every variable that configures an upstream. */
export const upstreamRows: readonly EnvironmentRow[] = [
  row("LLM_CLIENT_KEYS", "clientKeys", {
    type: switchType,
    default: "false",
    what: "Whether callers may bring their own key for an upstream (header `x-parley-upstream-key`, `openai_api_key` of `POST /invoke`), unless the file says it of that upstream (`upstreams[].clientKeys`). It needs no key of yours then.",
  }),
  ...namedUpstreams.flatMap(rowsOf),
  ...rawRows(),
];

function rowsOf(upstream: NamedUpstream): EnvironmentRow[] {
  const { name, title, baseUrlAliases = [], keyAliases, model, modelAliases = [], seconds } = upstream;
  const prefix = `LLM_${name.toUpperCase()}`;
  const path = `upstreams.${name}`;
  const base = row(`${prefix}_BASE_URL`, `${path}.baseUrl`, {
    type: urlType,
    default: upstream.baseUrl,
    what: `Where ${title} answers; makes the upstream \`${name}\`.`,
    aliases: baseUrlAliases,
  });
  const key = row(`${prefix}_API_KEY`, `${path}.apiKeys`, {
    type: secretsType,
    default: name === "huggingface" ? "`HF_TOKEN`" : "none",
    what: `Its key, or several by commas, each a target of its own; makes the upstream \`${name}\`.${conditionOf(keyAliases)}`,
    aliases: keyAliases ?? [],
  });
  return [
    ...(keyAliases === undefined ? [] : [key]),
    base,
    row(upstream.modelVariable ?? `${prefix}_DEFAULT_MODEL`, `${path}.defaultModel`, {
      type: textType,
      default: model,
      what: `Model that it is asked for when a request names none.${unknownNames(name)}`,
      aliases: modelAliases,
    }),
    timeoutRow(`${prefix}_TIMEOUT`, path, seconds),
  ];
}

/** What a reader must know of names that nobody has. */
function unknownNames(name: UpstreamKind): string {
  if (upstreamKindRow(name).unknownModels === "pass") return "";
  return " Where it is the default provider, chats that name a model which nobody has are answered by it too (without it, by the first that the server lists), unless the file has this upstream and does not say `unknownModels: default`.";
}

/** What a reader must know of a name that means this only at times. */
function conditionOf(aliases: readonly (string | Alias)[] = []): string {
  const names = aliases.flatMap((alias) => (typeof alias === "string" || alias.when === undefined ? [] : [`\`${alias.name}\``]));
  return names.length === 0 ? "" : ` ${names.join(", ")} only where it is the default provider.`;
}

function rawRows(): EnvironmentRow[] {
  return [
    row("LLM_RAW_URL", "upstreams.raw.baseUrl", {
      type: urlType,
      default: "none",
      what: "A server that answers `POST /llm`; makes the upstream `raw`. The provider `local` means it where `LLM_URL` is set.",
      aliases: ["LLM_URL"],
    }),
    timeoutRow("LLM_RAW_TIMEOUT", "upstreams.raw", 60),
  ];
}

function timeoutRow(name: string, path: string, seconds: number): EnvironmentRow {
  return row(name, `${path}.timeoutSeconds`, {
    type: plainSecondsType,
    default: `\`LLM_TIMEOUT_SECS\`, else ${seconds}`,
    what: "Longest wait for its whole answers, for its first content, and between its events; beats `LLM_TIMEOUT_SECS`.",
  });
}

/** Whether the older service that these variables are from had its models on the network. */
export function isLanChosen(variables: Variables): boolean {
  return (textOf(variables, "LLM_DEFAULT_PROVIDER") ?? textOf(variables, "LLM_PROVIDER"))?.toLowerCase() === "lan";
}
