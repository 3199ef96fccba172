import type { Provider } from "../../core/ports.ts";
import type { UpstreamDialect } from "../../dialects/upstream-dialect.ts";
import { anthropicDialect } from "../../dialects/anthropic/upstream/dialect.ts";
import { ollamaDialect } from "../../dialects/ollama/upstream/dialect.ts";
import { openaiDialect } from "../../dialects/openai/upstream/dialect.ts";
import { testProviders } from "../../testing/http-provider.ts";
import { providerSuite } from "../../testing/provider-suite.ts";
import { userRequest } from "../../testing/sample-request.ts";
import type { Answer, Question } from "../../testing/upstream/turn.ts";
import { startUpstream } from "../../testing/upstream/upstream.ts";
import type { UpstreamKind } from "../../core/upstreams.ts";

const longPrompt = Array.from({ length: 100 }, (_, index) => `word${index}`).join(" ");

/** Says as many words as it may. */
function words({ body }: Question): Answer {
  const options = (body["options"] ?? {}) as Readonly<Record<string, unknown>>;
  const most = Number(body["max_completion_tokens"] ?? body["max_tokens"] ?? options["num_predict"] ?? 5);
  const text = Array.from({ length: most }, (_, index) => `${index === 0 ? "" : " "}word${index}`);
  return { text, finish: "length", choices: Number(body["n"] ?? 1) };
}

async function subjectOf(kind: UpstreamKind, dialect: UpstreamDialect, isWhole: boolean) {
  const models = { nothing: { fault: { is: "refusal", cause: "unknown-model" } } } as const;
  const upstream = await startUpstream({ turns: [{ answer: words }], models });
  const [own] = testProviders({ baseUrl: upstream.url, kind }, { dialect });
  if (own === undefined) throw new Error("an upstream has at least one provider");
  const provider: Provider = { ...own, generate: (request, context) => own.generate(request, { ...context, isWhole }) };
  return {
    provider,
    model: "m",
    longPrompt,
    impossible: userRequest("hi", { model: "nothing" }),
    tellsProgress: false,
    hasOneChoice: kind !== "openai",
    cleanUp: () => upstream.close(),
  };
}

const none = { quirks: {} };
const dialects = [
  ["openai", () => openaiDialect({ kind: "openai", ...none })],
  ["anthropic", () => anthropicDialect({ kind: "anthropic", ...none })],
  ["ollama", () => ollamaDialect({ kind: "ollama", ...none })],
] as const;

for (const [kind, make] of dialects) {
  providerSuite(`${kind} behind HTTP, streamed`, () => subjectOf(kind, make(), false));
  providerSuite(`${kind} behind HTTP, whole`, () => subjectOf(kind, make(), true));
}
