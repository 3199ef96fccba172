import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith, pythonPath, run } from "../tools.ts";
import { scriptedModels, scriptedUpstreams } from "../upstream/scenes.ts";
import { startUpstream, type ScriptedUpstream } from "../upstream/upstream.ts";

const script = join(import.meta.dirname, "..", "python", "responses.py");

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const checkMs = 20_000;

describeWith("python", "OpenAI's Python client, at /v1/responses", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  beforeAll(async () => {
    const all = {
      answer: { reasoning: ["so", " it is"], calls: [{ id: "call_a", name: "weather", pieces: ["{}"] }], finish: "length" as const },
    };
    const logprobs = { answer: { logprobs: true } };
    upstream = await startUpstream({ models: { ...scriptedModels, all, logprobs } });
    server = await startTestServer({ config: scriptedUpstreams(upstream.url) });
  });
  afterAll(async () => {
    await server.close();
    await upstream.close();
  });

  const check = async (name: string, model: string): Promise<unknown> => {
    const ended = await run(pythonPath(), [script, server.url, name, model]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
    return JSON.parse(ended.stdout);
  };

  it.each<[string, string, string, unknown]>([
    ["gets a whole response", "whole", "openai/text", ["one two three", "completed", 10]],
    ["gathers a stream with its helper", "streamed", "anthropic/text", ["one two three", "one two three", "completed"]],
    ["calls tools, and goes on with what they bring", "calls", "openai/calls", [["Oslo", "Rome"], "one two three"]],
    ["gets an answer of the shape that it asked for", "parsed", "ollama/shape", "Oslo"],
    ["raises after the start, with the code", "fails", "openai/broken", [false, "provider_truncated", "response.failed"]],
  ])("%s", async (_name, ...[how, model, expected]) => expect(await check(how, model)).toEqual(expected), checkMs);

  const begins = ["response.created", "response.in_progress"];
  const item = (...inside: readonly string[]) => ["response.output_item.added", ...inside, "response.output_item.done"];
  const part = (...inside: readonly string[]) => ["response.content_part.added", ...inside, "response.content_part.done"];
  const deltas = (type: string, count: number) => [...Array<string>(count).fill(`response.${type}.delta`), `response.${type}.done`];
  const words = item(...part(...deltas("output_text", 3)));

  it.each<[string, string, readonly string[]]>([
    ["of text", "openai/text", [...begins, ...words, "response.completed"]],
    ["of text with logprobs", "openai/logprobs", [...begins, ...words, "response.completed"]],
    [
      "of thinking, text and a call that is cut off",
      "openai/all",
      [
        ...begins,
        ...item(...part(...deltas("reasoning_text", 2))),
        ...words,
        ...item(...deltas("function_call_arguments", 1)),
        "response.incomplete",
      ],
    ],
  ])(
    "finds every event %s to be what its models say, strictly, in order, with no key missing",
    async (_name, model, types) => expect(await check("strict", model)).toEqual([types, []]),
    checkMs,
  );
});
