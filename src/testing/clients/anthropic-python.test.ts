import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithRealModel } from "../real-model.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith, missing, pythonPath, run } from "../tools.ts";
import { anthropicScenes, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

/** Seconds that were said to be 30, and may be told a tenth longer. */
const aboutThirty = expect.stringMatching(/^3[0-3]$/u) as unknown;

const script = join(import.meta.dirname, "..", "python", "anthropic_clients.py");

type Check = readonly [name: string, words: string, expected: unknown];

const said = "one two three";
const events = ["message_start", "content_block_start", ...Array<string>(3).fill("content_block_delta"), "content_block_stop"];
const called = [["Oslo", "Rome"], "tool_use"];

const checks: readonly Check[] = [
  ["gets text, whole and streamed alike", "text:", [said, said, "end_turn", true, true]],
  ["reads a stream, with the prompt's tokens at its start", "start:", [[...events, "message_delta", "message_stop"], true]],
  ["reads a stream asynchronously", "asynchronous:", said],
  ["counts tokens as the answer is billed", "count:", true],
  ["lists models page by page, and finds one", "models:", [expect.arrayContaining(["echo", "tiny"]), "model", "active"]],
  ["raises its own classes, with the field and the request's id", "errors:", [404, "not_found_error", true, "tools[0].type"]],
  ["gets thinking apart from the words, and what a cache had a part in", "thinking:anthropic", [["thinking", "text"], "hm so", 30, 10]],
  ...["openai", "anthropic", "ollama"].flatMap((kind): Check[] => [
    [`gets text of ${kind}, whole and streamed alike`, `text:${kind}`, [said, said, "end_turn", true, true]],
    [`gets tool calls of ${kind}, several at once`, `calls:${kind}`, [called, called]],
    [`runs tools until there is an answer of ${kind}`, `runner:${kind}`, [said, ["Oslo"]]],
    [`gets an answer of the shape that it asked for of ${kind}`, `shape:${kind}`, "Oslo"],
    [
      `raises its own classes for errors of ${kind}, before the start and after it`,
      `remote_errors:${kind}`,
      [aboutThirty, 529, "api_error", true],
    ],
  ]),
];

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const runMs = 120_000;

async function shown(url: string, words: readonly string[]): Promise<Record<string, unknown>> {
  const ended = await run(pythonPath(), [script, url, ...words]);
  expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

describeWith("pythonAnthropic", "Anthropic's client for Python", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  let told: Record<string, unknown>;
  beforeAll(async () => {
    upstream = await startUpstream({ models: anthropicScenes });
    server = await startTestServer({ models: { tiny: {} }, config: scriptedUpstreams(upstream.url) });
    told = await shown(
      server.url,
      checks.map(([, words]) => words),
    );
  }, runMs);
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  it.each(checks)("%s", (_name, words, expected) => expect(told[words]).toEqual(expected));

  it(
    "shows its key in both ways, and raises its own class for another",
    async () => {
      const locked = await startTestServer({ environment: { LLM_API_KEYS: "the-key-of-a-test" } });
      expect(await shown(locked.url, ["keys:"])).toEqual({ "keys:": [said, said, "authentication_error"] });
      await locked.close();
    },
    runMs,
  );
});

await describeWithRealModel("Anthropic's client for Python and the real SmolLM2-135M-Instruct", (path) => {
  it.skipIf(missing.pythonAnthropic !== undefined)(
    "knows Paris, whole and streamed in the same words",
    async () => {
      const server = await startTestServer({ modelsDirectory: dirname(path) });
      expect(await shown(server.url, ["real:"])).toEqual({ "real:": [true, true] });
      await server.close();
    },
    runMs,
  );
});
