import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { anthropicDialect } from "../../dialects/anthropic/upstream/dialect.ts";
import { ollamaDialect } from "../../dialects/ollama/upstream/dialect.ts";
import { eventsOf, valuesOf } from "../../testing/collect-events.ts";
import { chatRequest, testProviders, whole } from "../../testing/http-provider.ts";

const given = '{"id":12345678901234567890,"ratio":1.0,"far":1e400}';
const answers = {
  anthropic: `{"type":"message","role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":${given}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":2}}`,
  ollama: `{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":${given}}}]},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2,"total_duration":12345678901234567890}`,
} as const;
const dialects = { anthropic: anthropicDialect, ollama: ollamaDialect } as const;

it.each(["anthropic", "ollama"] as const)("a whole answer of %s calls a tool with the numbers that it wrote", async (kind) => {
  const server = createServer((_, response) => response.setHeader("content-type", "application/json").end(answers[kind])).listen(
    0,
    "127.0.0.1",
  );
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [provider] = testProviders({ baseUrl, kind }, { dialect: dialects[kind]({ kind, quirks: {} }) });
  const events = await eventsOf(provider!.generate(chatRequest, whole()));
  const words = valuesOf(events, "toolCall").map((call) => call.arguments);
  expect(words.join("")).toBe(given);
  expect(valuesOf(events, "completed")[0]?.usage).toMatchObject({ promptTokens: 3, completionTokens: 2 });
  await provider!.close();
});
