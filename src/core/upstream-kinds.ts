import { upstreamKinds, type UnknownModels, type UpstreamKind } from "./upstreams.ts";

/** What holds for upstreams of a kind unless the configuration says otherwise. */
export interface UpstreamKindRow {
  /** Undefined: it must be given. */
  readonly baseUrl: string | undefined;
  /** As `UpstreamSettings.defaultModel`. */
  readonly defaultModel: string | undefined;
  readonly timeoutMs: number;
  /** Whether nobody is served there without a key. */
  readonly needsKey: boolean;
  /** How all names of models are written there; undefined: only its list tells. */
  readonly ownNames: RegExp | undefined;
  /** What becomes of names that nobody has, where variables make it: of these kinds, the older service asked for one model whatever they were asked for. */
  readonly unknownModels: UnknownModels;
}

const usualMs = 60_000;
// Ollama loads a model at its first request.
const ollamaMs = 120_000;

/** Names of models change often: these are what the older services had, where they had one. Servers of one model take an empty name for it. */
const rows: Readonly<Record<UpstreamKind, UpstreamKindRow>> = {
  openai: row("https://api.openai.com/v1", "gpt-4o-mini", { needsKey: true }),
  anthropic: row("https://api.anthropic.com", "claude-sonnet-4-5-20250929", { needsKey: true }),
  ollama: row("http://localhost:11434", "llama3.1", { timeoutMs: ollamaMs }),
  huggingface: row("https://router.huggingface.co/v1", "meta-llama/Llama-3.1-8B-Instruct", {
    needsKey: true,
    ownNames: /^[^/]+\/[^/]/,
    unknownModels: "default",
  }),
  vllm: row("http://localhost:8000/v1", "", { unknownModels: "default" }),
  lan: row("http://localhost:8000/v1", ""),
  deepseek: row("https://api.deepseek.com", "deepseek-chat", { needsKey: true }),
  openrouter: row("https://openrouter.ai/api/v1", "openrouter/auto", { needsKey: true }),
  lmstudio: row("http://localhost:1234/v1", ""),
  "llama-server": row("http://localhost:8080/v1", ""),
  parley: row(undefined, ""),
  raw: row(undefined, ""),
};

function row(
  baseUrl: string | undefined,
  defaultModel: string | undefined,
  { timeoutMs = usualMs, needsKey = false, ownNames, unknownModels = "pass" }: Partial<UpstreamKindRow> = {},
): UpstreamKindRow {
  return { baseUrl, defaultModel, timeoutMs, needsKey, ownNames, unknownModels };
}

/** The kind that a text names; undefined when there is none. */
export function upstreamKindFrom(text: string): UpstreamKind | undefined {
  return upstreamKinds.find((kind) => kind === text);
}

/** What holds for a kind unless told otherwise. */
export function upstreamKindRow(kind: UpstreamKind): UpstreamKindRow {
  return rows[kind];
}
