import type { JsonObject } from "@bufbuild/protobuf";
import type { Turn } from "./turn.ts";

const call = (id: string, city: string) => ({ id, name: "weather", pieces: ['{"city":', `"${city}"}`] });
const long = Array.from({ length: 12 }, (_, index) => `${index} `);

/** What an upstream plays for clients that are real, by the model's name. */
export const scriptedModels: Readonly<Record<string, Turn>> = {
  text: {},
  calls: { answer: { text: [], calls: [call("call_a", "Oslo"), call("call_b", "Rome")] } },
  shape: { answer: { text: ['{"city":', '"Oslo"}'] } },
  invalid: { fault: { is: "refusal", cause: "invalid" } },
  limited: { fault: { is: "refusal", cause: "rate-limited", headers: { "retry-after": "30" } } },
  key: { fault: { is: "refusal", cause: "wrong-key" } },
  broken: { answer: { text: long }, fault: { is: "cut", after: 8 } },
  endless: { answer: { text: long }, fault: { is: "stall", after: 8 } },
  vectors: {},
};

/** What it plays beside for clients that run tools and think. */
export const anthropicScenes: Readonly<Record<string, Turn>> = {
  ...scriptedModels,
  /** Calls a tool until its result is there. */
  asks: {
    answer: ({ body }) => (JSON.stringify(body).includes("cold") ? {} : { text: [], calls: [call("call_a", "Oslo")] }),
  },
  overloaded: { fault: { is: "refusal", cause: "overloaded" } },
  thinks: { answer: { reasoning: ["hm", " so"], usage: { prompt: 40, completion: 6, cached: 30 } } },
};

/** The configuration of a service in front of it, once by each format: `openai/text`, `anthropic/text`, `ollama/text`. */
export function scriptedUpstreams(url: string): JsonObject {
  return { upstreams: ["openai", "anthropic", "ollama"].map((kind) => ({ name: kind, kind, baseUrl: url, apiKeys: ["sk-scripted"] })) };
}
